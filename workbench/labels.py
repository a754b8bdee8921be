"""The names under which things are counted, in SQL: the KPIs' dimensions and the counters' labels share them."""

UNKNOWN = "unknown"


def or_unknown(expression: str) -> str:
    """The text, or `unknown` where it is empty or NULL."""
    return f"coalesce(nullif({expression}, ''), '{UNKNOWN}')"


# A workflow run's workflow: its name, else its id.
WORKFLOW = f"coalesce(nullif(workflow_name, ''), nullif(workflow_id, ''), '{UNKNOWN}')"
