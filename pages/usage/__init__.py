"""The pages of agents and of costs."""
