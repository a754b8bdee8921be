"""Texts that try to become code wherever they are shown (payloads.json), and how to see that one of them did.

Each has 64 characters at most, so that it fits every column. A payload that works leaves an element `x-pwn`, an
attribute `data-pwn`, a global `pwned`, or the product of 7919 and 7907.
"""

import json
from html.parser import HTMLParser
from pathlib import Path

from django.contrib import admin
from django.db.models import CharField, JSONField, Model, TextField

from audit.models import AuditEntry
from kpis.models import KpiBucket, StoredGranularity, UsageBucket
from kpis.registry import DEFINITIONS
from telemetry.models import Environment
from tests.kpis.builders import make_baseline, make_bucket, make_environment
from tests.rows import BUILDERS

FAMILIES: dict[str, list[str]] = json.loads(
    (Path(__file__).parent / "payloads.json").read_text(encoding="utf-8")
)
PAYLOADS: tuple[str, ...] = tuple(payload for family in FAMILIES.values() for payload in family)
# Some of each family, where each of many tables is asked whether it shows texts as they are.
SAMPLE: tuple[str, ...] = tuple(
    payload for family in FAMILIES.values() for payload in family[:: max(1, len(family) // 3)]
)
PRODUCT = str(7919 * 7907)
# Columns whose values the portal itself chooses, and what signing in needs.
OWN_COLUMNS = {
    *(
        "password",
        "prefix",
        "digest",
        "kpi",
        "persona",
        "granularity",
        "dimension",
        "time_zone",
        "family",
        "bin",
    ),
    *("subject", "labels"),
}
MODELS = list(admin.site._registry)
BREAKDOWN = next(kpi for kpi in DEFINITIONS if "workflow" in kpi.dimensions)


class MarkedElements(HTMLParser):
    """Notes what only a payload can have put into the page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        scripts = [value for name, value in attrs if is_script(name, value or "")]
        if tag.startswith("x-pwn") or "data-pwn" in names or scripts:
            self.found.append(self.get_starttag_text() or tag)
        # What a field holds is text too.
        self.texts += [value for name, value in attrs if name in {"value", "title"} and value]

    def handle_data(self, data: str) -> None:
        if self.lasttag in {"script", "style"} and "pwned" in data:
            self.found.append(f"<{self.lasttag}> {data}")
        self.texts.append(data)


def is_script(name: str, value: str) -> bool:
    address = "".join(value.split()).lower().startswith(("javascript:", "vbscript:", "data:text"))
    return (name.startswith("on") and "pwned" in value) or (name in {"href", "src", "action"} and address)


def injections_in(page: str) -> list[str]:
    """What payloads have put into the page as more than text."""
    parser = MarkedElements()
    parser.feed(page)
    parser.close()
    computed = [f"computed {PRODUCT}"] if PRODUCT in page else []
    return parser.found + computed


def shown_in(page: str) -> set[str]:
    """Payloads that stand in the page as text, whole and as they are."""
    parser = MarkedElements()
    parser.feed(page)
    parser.close()
    text = "\n".join(parser.texts)
    return {payload for payload in PAYLOADS if payload in text}


def text_columns(model: type[Model]) -> list[str]:
    return [
        field.attname
        for field in model._meta.concrete_fields
        if isinstance(field, CharField | TextField)
        and not field.choices
        and not field.remote_field
        and field.attname not in OWN_COLUMNS
    ]


def fill(model: type[Model], payloads: tuple[str, ...] = PAYLOADS) -> None:
    """A row for each payload, which is in every text column and, as key and value, in every JSON column."""
    rows = [BUILDERS[model](number + 1000) for number in range(len(payloads))]
    texts = [name for name in text_columns(model) if name != model._meta.pk.attname]
    documents = [field.attname for field in model._meta.concrete_fields if isinstance(field, JSONField)]
    for row, payload in zip(rows, payloads, strict=True):
        for name in texts:
            setattr(row, name, payload[: model._meta.get_field(name).max_length])
        for name in documents:
            setattr(row, name, document(name, payload))
    if model is AuditEntry:
        # An entry is final, so these are made as they are, and those of the builder stay beside them.
        for row in rows:
            row.pk = None
        AuditEntry.objects.bulk_create(rows)
    elif texts or documents:
        model._default_manager.bulk_update(rows, [*texts, *documents])


def document(column: str, payload: str) -> object:
    """As the column's documents look, with the payload wherever a text is."""
    if column == "errors":
        return [{"code": "wrong_type", "field": payload, "message": payload}]
    if column in {"rejected", "error_types", "histogram"}:
        return {"1": 1} if column == "histogram" else {payload: 1}
    return {"event": payload, payload: payload, "properties": {payload: [payload]}}


def fill_breakdown() -> None:
    """Every payload is the name of a workflow, with more runs than the one before; some name environments.

    Each is the name of an agent, a model and an error, too.
    """
    make_environment()
    total = make_bucket(BREAKDOWN.slug)
    make_baseline(BREAKDOWN.slug, "10", since=total.period_start.date())
    KpiBucket.objects.bulk_create(
        KpiBucket(
            kpi=BREAKDOWN.slug,
            persona=BREAKDOWN.persona.value,
            environment="production",
            granularity=StoredGranularity.DAY,
            dimension="workflow",
            value=payload,
            period_start=total.period_start,
            numerator=10_000 + number,
            denominator=20_000,
            definition_version=1,
        )
        for number, payload in enumerate(PAYLOADS)
    )
    UsageBucket.objects.bulk_create(
        UsageBucket(
            environment="production",
            granularity=StoredGranularity.DAY,
            period_start=total.period_start,
            workflow=payload[:200],
            agent=payload[:200],
            model=payload[:200],
            agent_runs=1_000 + number,
            cost_micro_usd=1_000_000,
            error_types={payload: 1},
        )
        for number, payload in enumerate(PAYLOADS)
    )
    Environment.objects.bulk_create(Environment(name=name) for name in PAYLOADS[:100])
