#!/usr/bin/env python
"""Django's command line for the portal."""

import os
import signal
import sys
from pathlib import Path


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured

    from config import env

    try:
        env.load(Path(__file__).resolve().parent / ".env")
        run()
    except ImproperlyConfigured as fault:
        sys.exit(f"The settings are wrong: {fault}")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Nobody reads on (`health | head -1`). What is left goes nowhere, or Python would complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)


def run() -> None:
    """Run the command, and print all of its output before it ends."""
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    finally:
        sys.stdout.flush()


if __name__ == "__main__":
    main()
