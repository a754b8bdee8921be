"""A KPI's page, and the texts of a KPI that the overview shows too."""
