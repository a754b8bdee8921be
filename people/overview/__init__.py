"""What the portal keeps of a person's overview: how they arranged it, and when they last looked (docs/overview.md)."""
