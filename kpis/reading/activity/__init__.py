"""How many people used the workbench, and how often."""
