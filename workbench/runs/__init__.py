"""Questions about workflow runs: which there are, what is usual, what happened in one. Pages and API ask the same."""
