"""Each kind of personal data has a sentence of its own."""

import pytest

from telemetry.intake import personal_data as kinds
from telemetry.intake.privacy import looks_like_pii
from tests.telemetry.intake.test_privacy import PII


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("anna@example.com", kinds.EMAIL),
        ("anna%40example.com", kinds.EMAIL),
        ("Please write to anna@example.com, who will know more about all of this.", kinds.EMAIL),
        ("Bearer abc123def456", kinds.BEARER),
        ("Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abcdef", kinds.BEARER),
        ("eyJhbGciOiJIUzI1NiJ9", kinds.BEARER),
        (
            "-----BEGIN PRIVATE KEY-----\nMIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQ",
            kinds.PRIVATE_KEY,
        ),
        ("AKIAIOSFODNN7EXAMPLE", kinds.ACCESS_KEY),
        ("4111 1111 1111 1111", kinds.CARD),
        ("The chat did not answer when I asked it about the invoice of last month.", kinds.PROSE),
    ],
)
def test_says_what_a_text_looks_like(text: str, sentence: str) -> None:
    assert looks_like_pii(text)
    assert kinds.say_what_it_looks_like(text) == sentence


@pytest.mark.parametrize("text", PII)
def test_no_sentence_repeats_the_text(text: str) -> None:
    assert text not in kinds.say_what_it_looks_like(text)
