"""What people set KPIs by: what a changed target or baseline would change, and a baseline taken from the past."""
