"""The overview: every KPI by persona, what changed, and what a person keeps of it (docs/overview.md)."""
