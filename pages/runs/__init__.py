"""The run monitor: the list of runs, and the page of one."""
