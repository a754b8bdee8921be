"""What clients need of the tracking plan, written in their own languages."""
