import pytest
from pytest_django import Settings

from people.sealing import Unreadable, seal, unseal


def test_a_sealed_text_says_nothing_and_is_read_again() -> None:
    sealed = seal("a secret", purpose="test")

    assert "secret" not in sealed
    assert unseal(sealed, purpose="test") == "a secret"


@pytest.mark.parametrize("purpose", ["test", "another"])
def test_neither_another_purpose_nor_another_key_opens_it(settings: Settings, purpose: str) -> None:
    sealed = seal("a secret", purpose="test")
    if purpose == "test":
        settings.SECRET_KEY = "changed"

    with pytest.raises(Unreadable):
        unseal(sealed, purpose=purpose)
