"""What a page answers: its text, and what it gives the chart's script."""

import json
import re
from html import unescape
from typing import Any

from django.test import Client


def words(client: Client, path: str, *, status: int = 200, **query: str) -> str:
    """The page as text: no tags, single spaces."""
    response = client.get(path, query)
    assert response.status_code == status
    text = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(unescape(text).replace("\N{NARROW NO-BREAK SPACE}", " ").split())


def chart_of(client: Client, path: str, **query: str) -> Any:
    """The chart's JSON."""
    page = client.get(path, query).content.decode()
    found = re.search(r'<script id="chart-data"[^>]*>(.*?)</script>', page)
    assert found is not None
    return json.loads(found[1])
