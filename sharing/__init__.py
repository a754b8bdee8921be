"""Links that show a page, or one chart, to people without an account (docs/sharing.md)."""
