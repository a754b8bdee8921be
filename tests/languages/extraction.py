"""Reads the texts of the portal's pages out of templates, modules and registries."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from django.conf import settings
from django.utils.translation.template import templatize

from digests.models import DigestChannel, DigestFrequency, DigestState
from kpis.formatting import words_of
from kpis.reading.periods import Granularity
from kpis.registry import DEFINITIONS, Kpi, Persona
from objectives.definitions import get_objectives
from people.models import Role
from sharing.models import LinkState, SharedPage, ShareKind
from telemetry.intake.advice import KINDS
from telemetry.models import NoticeSeverity
from workbench.models import ChangeCause, FunnelStep
from workbench.retries.requesting import Obstacle
from workbench.runs.states import RunState

ROOT = Path(settings.BASE_DIR)
# Where pages are made. The admin's own texts are not translated.
PACKAGES = (
    "web",
    "people",
    "telemetry",
    "workbench",
    "kpis",
    "alerts",
    "objectives",
    "pages",
    "digests",
    "sharing",
)
LEFT_OUT = ("templates/admin/", "templates/telemetry/")
KEYWORDS = {
    **DEFAULT_KEYWORDS,
    "gettext_lazy": None,
    "gettext_noop": None,
    "lazy_text": None,
    "pgettext_lazy": ((1, "c"), 2),
}
# Statuses of pages that need no template.
FAULTS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
# Where drafts come from, by the plan: the funnel has them as links.
SOURCES = ("chat", "template", "blank")
# The same whenever it is written.
NO_TIME = datetime(2026, 1, 1, tzinfo=UTC)
# Of Prometheus's examples; the portal has its own two.
OTHER_SEVERITIES = ("critical", "warning", "info")


def template_of_texts() -> Catalog:
    """Every text, without a translation."""
    catalog = Catalog(
        project="Workbench analytics",
        charset="utf-8",
        fuzzy=False,
        creation_date=NO_TIME,
        revision_date=NO_TIME,
    )
    for place, text, context in sorted(all_texts(), key=lambda found: (found[0], str(found[1]))):
        catalog.add(text, locations=[(place, 0)], context=context)
    return catalog


def all_texts() -> Iterator[tuple[str, str | tuple[str, ...], str | None]]:
    """(where it stands, the text or singular and plural, its context)."""
    for folder, pattern in (("templates", "*.html"), ("templates", "*.txt")):
        for path in sorted((ROOT / folder).rglob(pattern)):
            place = path.relative_to(ROOT).as_posix()
            if not place.startswith(LEFT_OUT):
                yield from texts_in(place, source_of_template(path))
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield from texts_in(path.relative_to(ROOT).as_posix(), path.read_bytes())
    yield from (("kpis/registry.py", label, "within a sentence") for label in sorted(labels_of_kpis()))
    for place, texts in registered_texts().items():
        yield from ((place, text, None) for text in texts if text)


def texts_in(place: str, source: bytes) -> Iterator[tuple[str, str | tuple[str, ...], str | None]]:
    for found in extract("python", BytesIO(source), keywords=KEYWORDS, options={"encoding": "utf-8"}):
        _, text, _, context = found
        yield place, text, context


def source_of_template(path: Path) -> bytes:
    """The template as Python: its texts are calls, and all else is names without a meaning."""
    source = templatize(path.read_text(encoding="utf-8"))
    calls = re.findall(
        r"(?:\b(?:gettext|ngettext|pgettext|npgettext)|(?<!\w)_)\((?:[^()'\"]|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")*\)",
        source,
    )
    return "\n".join(calls).encode()


def registered_texts() -> Mapping[str, Iterable[str]]:
    """Texts that are data of the code, and are shown in the reader's language, by where they stand."""
    return {
        "kpis/registry.py": [
            *(text for kpi in DEFINITIONS for text in words_of_kpi(kpi)),
            *map(words_of, Persona),
        ],
        "kpis/reading/periods.py": [*map(words_of, Granularity), *Granularity],
        "metrics/objectives.yaml": [
            text
            for objective in get_objectives().values()
            for text in (objective.title, objective.description, objective.unit)
        ],
        "alerts/severity.py": map(words_of, (*NoticeSeverity.values, *OTHER_SEVERITIES)),
        "workbench/models/sessions.py": (step.label for step in FunnelStep),
        "telemetry/intake/advice.py": KINDS.values(),
        "telemetry/tracking_plan.yaml": map(words_of, SOURCES),
        "sharing/models.py": (*ShareKind.labels, *SharedPage.labels, *LinkState),
        "digests/models.py": (
            text for choices in (DigestFrequency, DigestChannel, DigestState) for text in choices.labels
        ),
        "workbench/models/counts.py": ChangeCause.labels,
        "kpis/changed/goals.py": ["Target", "Baseline"],
        "people/models.py": (role.label for role in Role),
        "workbench/retries/requesting.py": (obstacle.sentence for obstacle in Obstacle),
        "workbench/runs/states.py": RunState,
        "web/errors.py": (fault.phrase for fault in FAULTS),
    }


def labels_of_kpis() -> set[str]:
    labels = {label for kpi in DEFINITIONS for label in (kpi.numerator_label, kpi.denominator_label)}
    return labels - {""}


def words_of_kpi(kpi: Kpi) -> Iterator[str]:
    yield from (kpi.title, kpi.definition, kpi.interval_caveat, kpi.numerator_label, kpi.denominator_label)
    yield from map(words_of, kpi.dimensions)
