"""How dates and times are written and read on every page: as ISO 8601 has them, on a 24-hour clock."""
