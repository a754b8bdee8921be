"""What came in lately, and what became of it: the newest posts of an environment with their events."""
