"""What changed of KPIs after it was shown: values, and what they are judged by (docs/changes.md)."""
