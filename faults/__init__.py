"""What `make faults` runs: a real portal is broken in many ways while clients post to it (docs/faults.md)."""
