"""The metric families that are made from the database, a module for each subject.

They are the same on every replica and survive restarts. Their cost depends on the number of series, of active
runs and of pending posts, not on how many events there ever were.
"""
