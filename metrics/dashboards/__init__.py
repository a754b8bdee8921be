"""The Grafana dashboards: what they ask (queries.py), what they are made of (panels.py), and a module for each."""
