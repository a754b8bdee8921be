"""docs/mistakes.md shows the answers that the portal gives, word for word."""

import json
import re
from datetime import datetime
from typing import NamedTuple

import pytest

from tests.docs.pages import text_of
from tests.telemetry.posts import send

PAGE = text_of("docs/mistakes.md")
EXAMPLE = re.compile(
    r"^### (?P<title>[^\n]+)\n\n"
    r"```json post (?P<path>\S+) ?(?P<content_type>\S*)\n(?P<request>.*?)\n```\n\n"
    r"```json\n(?P<answer>.*?)\n```$",
    re.MULTILINE | re.DOTALL,
)


class Example(NamedTuple):
    title: str
    path: str
    content_type: str
    request: str
    answer: str


EXAMPLES = [Example(*match.groups()) for match in EXAMPLE.finditer(PAGE)]


def test_every_mistake_of_the_page_is_tried() -> None:
    assert len(EXAMPLES) == PAGE.count("\n### ") == PAGE.count("```json post ") > 40


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.path} {example.title}")
def test_a_mistake_is_answered_as_the_page_says(example: Example, secret: str, clock: datetime) -> None:
    body = example.request.replace("x…", "x" * 40_000).encode()
    headers = {"HTTP_AUTHORIZATION": f"Bearer {secret}", "HTTP_X_REQUEST_ID": "r-1"}

    answer = send(body, path=example.path, CONTENT_TYPE=example.content_type or "application/json", **headers)

    assert answer.json() == json.loads(example.answer)
