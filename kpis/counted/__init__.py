"""From a KPI's figure to what it counted: the rows of its measure, one by one, and those that do not count."""
