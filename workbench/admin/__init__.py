"""The admin of the workbench: the things that the fold writes, retries, and the erasure of subjects.

Each module registers its tables when it is imported.
"""

from workbench.admin import erasures, retries, things

__all__ = ["erasures", "retries", "things"]
