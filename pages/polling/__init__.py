"""The parts of pages that browsers ask for again and again, and who may ask without being asked who they are."""
