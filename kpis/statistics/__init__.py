"""How sure a figure is: confidence intervals, and which differences are more than noise. Mathematics only."""
