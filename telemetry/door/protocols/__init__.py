"""Other protocols at the one door: each module translates a request into events of the plan, and stores nothing."""
