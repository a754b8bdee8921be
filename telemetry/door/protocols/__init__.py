"""Other protocols at the one door. Each translates a request into events of the plan; the door stores them."""
