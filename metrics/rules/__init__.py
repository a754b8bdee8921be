"""Prometheus rules that are written from the objectives, the thresholds and the registry of KPIs."""
