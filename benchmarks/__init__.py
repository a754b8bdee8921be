"""Ratios of the portal to what the parts below it can do; see docs/benchmarks.md. `python -m benchmarks`."""
