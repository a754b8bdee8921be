import pytest
from django.contrib import admin

from tests.injections.payloads import PAYLOADS


@pytest.fixture
def long_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows on one page of a list."""
    for model_admin in admin.site._registry.values():
        monkeypatch.setattr(model_admin, "list_per_page", len(PAYLOADS) + 10)
