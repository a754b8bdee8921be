"""The address that Alertmanager reports to."""
