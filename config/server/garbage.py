"""Python's search for garbage, which holds the interpreter while it lasts."""

import gc


def spare_what_is_loaded() -> None:
    """Take all that is loaded out of the search: it stays for as long as the process.

    A full search of it would take a tenth of a second, and the probes would wait as long.
    """
    gc.collect()
    gc.freeze()
