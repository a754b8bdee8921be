"""What came of the tracking plan: events, properties and values as clients sent them, and what was rejected.

All figures are sums of what telemetry.counters.sent counted, so each costs the same however many events there are.
"""
