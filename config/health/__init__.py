"""The health report: what an administrator looks at first, as data, page, command and JSON."""
