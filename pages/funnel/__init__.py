"""The pages of the funnel: its steps, and the sessions that stopped at one (docs/funnel.md)."""
