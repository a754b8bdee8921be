"""Tables of pages as CSV (docs/export.md)."""
