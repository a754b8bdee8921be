"""The faults themselves, a module for each thing that is attacked or broken."""
