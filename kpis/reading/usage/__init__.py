"""What agents did and used over a range, from rows of UsageBucket."""
