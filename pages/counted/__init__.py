"""From a KPI's bucket to what it counted."""
