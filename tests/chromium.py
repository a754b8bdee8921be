"""A headless Chromium for tests that need a browser."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.services import CHROMIUM, program


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """A browser that ends with the block; Playwright runs an event loop in this thread until then."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Django would refuse the database in a thread that has an event loop.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(
            executable_path=program(CHROMIUM),
            args=["--no-sandbox"],
            # Users go back to pages that were kept alive, so these must too.
            ignore_default_args=["--disable-back-forward-cache"],
        )
        yield browser
        browser.close()
