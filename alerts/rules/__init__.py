"""What the portal finds itself, for teams without Prometheus. The numbers are in metrics/thresholds.yaml."""
