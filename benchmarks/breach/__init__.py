"""How long it takes from a breach to the receivers: a portal, Prometheus and Alertmanager as they run in production."""
