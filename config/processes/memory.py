"""Where the portal's processes share memory-mapped files: on memory, never on a disk.

Writing to a mapped page of a disk that is full kills the process with SIGBUS, wherever it is.
"""

import os
import shutil
import tempfile
from hashlib import sha256
from pathlib import Path

from django.conf import settings

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  (the directory below it is made with mode 0700)


def scratch_dir(*, port: int | None = None) -> Path:
    """This portal's own directory; its name is that of DATA_DIR on this file system and the port, so no two meet.

    `port` is PORT, unless another one is given: that of a worker's metrics.
    """
    where = os.stat(settings.DATA_DIR)
    identity = f"{settings.DATA_DIR}\0{where.st_dev}\0{where.st_ino}\0{port or settings.PORT}"
    name = sha256(identity.encode()).hexdigest()[:16]
    return memory_dir() / f"portal-{os.geteuid()}-{name}"


def memory_dir() -> Path:
    """The file system on memory; where there is none (macOS), the system's directory for temporary files."""
    return SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())


def make_scratch_dir(*, port: int | None = None) -> Path:
    """An empty directory that only its owner can read, without what an earlier start left there; see scratch_dir.

    Raises FileExistsError where somebody else has put something in its place.
    """
    path = scratch_dir(port=port)
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    return path
