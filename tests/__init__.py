"""The portal's tests. What is set here holds for all of them, however few are run."""

import hypothesis

# Another process on the machine must not make a test fail.
hypothesis.settings.register_profile("portal", deadline=None)
hypothesis.settings.load_profile("portal")
