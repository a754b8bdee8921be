"""The pages of the tracking plan: all events, one of them, and one rejected event."""
