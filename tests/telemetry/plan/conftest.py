"""Settings of all tests that generate their input (a profile counts for the whole run)."""

import hypothesis

# Another process on the machine must not make a test fail.
hypothesis.settings.register_profile("portal", deadline=None)
hypothesis.settings.load_profile("portal")
