"""What the documentation names exists: files, links, make verbs, commands, addresses, settings, columns."""

import re
from collections.abc import Iterable
from functools import cache

import pytest
from django.apps import apps
from django.core.management import get_commands
from django.urls import Resolver404, resolve
from opentelemetry.sdk import environment_variables

from tests.docs.pages import PAGE_NAMES, ROOT, code, prose_of, spans, text_of
from tests.test_imports import APPS

# Files that the portal or an example makes.
MADE = re.compile(
    r"((\./)?var|deploy/secrets/|deploy/\.env|backup\.json|DATA_DIR|build|dist|static/build|yourapp|\.venv|\.env\b)"
)
SUFFIXES = ("py", "yaml", "yml", "md", "mjs", "ts", "js", "json", "toml", "txt", "css", "html")
# Addresses that begin others, and paths that are no addresses of the portal.
PREFIXES = {"/api/"}
SYSTEM_PATHS = (
    "/etc/",
    "/opt/",
    "/tmp",
    "/data",
    "/var/",
    "/run/",
    "/proc/",
    "/dev/",
    "/usr/",
    "/static/telemetry.min.js",
    "/example/",
    "/app",
)
PORTAL = r"(?:127\.0\.0\.1:8000|portal\.example(?:\.com)?)"
SOURCES = ("*.py", "*.yaml", "Makefile", ".env.example", "*.ts", "*.toml")
# Packages whose names Django chose.
DJANGOS = {"management", "migrations"}
SKIPPED = {".venv", "node_modules", "var", "staticfiles", ".git"}


def missing_files(spans: Iterable[str], *, folder: str) -> set[str]:
    """Spans that look like a file of this repository and are none, seen from the root or from the folder."""
    names = {span for span in spans if looks_like_a_file(span) and not MADE.match(span)}
    return {name for name in names if not is_there(name, folder=folder)}


def looks_like_a_file(span: str) -> bool:
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", span):
        return False
    if "/" in span:
        return (ROOT / span.split("/")[0]).is_dir() or span.endswith(
            tuple(f".{suffix}" for suffix in SUFFIXES)
        )
    return re.fullmatch(rf"[\w-]+\.({'|'.join(SUFFIXES)})", span) is not None


def is_there(name: str, *, folder: str) -> bool:
    if "/" in name:
        places = (ROOT, ROOT / folder, ROOT / "clients" / "javascript")
        return any((place / name).exists() for place in places)
    return name in base_names()


@cache
def base_names() -> frozenset[str]:
    return frozenset(path.name for path in source_files("*"))


def source_files(*patterns: str) -> list:
    found = (path for pattern in patterns for path in ROOT.rglob(pattern))
    return [path for path in found if not SKIPPED & set(path.relative_to(ROOT).parts)]


@cache
def words_of_sources() -> frozenset[str]:
    texts = (path.read_text(encoding="utf-8") for path in source_files(*SOURCES) if path.is_file())
    return frozenset(word for text in texts for word in re.findall(r"[A-Z][A-Z_]+", text))


def make_verbs() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def addresses(page: str) -> set[str]:
    """Paths of the portal that the page names, without query, and with `x` for each <part>."""
    found = re.findall(rf"https?://{PORTAL}(/[^\s\"'`?#)]*)", text_of(page))
    for span in spans(page):
        named = re.fullmatch(r"(?:GET |POST )?(/[\w<>./-]*)(?:\?\S*)?", span)
        found += [named[1]] if named else []
    paths = {re.sub(r"<\w+>", "x", path) for path in found}
    return {path for path in paths if path not in PREFIXES and not path.startswith(SYSTEM_PATHS)}


def is_served(path: str) -> bool:
    try:
        resolve(path)
    except Resolver404:
        return False
    return True


def anchors(text: str) -> set[str]:
    """As hosting platforms make them of headings."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGE_NAMES)
def test_every_file_that_a_page_names_exists(page: str) -> None:
    assert missing_files(spans(page), folder=page.rpartition("/")[0]) == set()


def test_a_missing_file_is_found() -> None:
    named = [
        "kpis/pages.py",
        "nowhere.py",
        "kpis/registry.py",
        "registry.py",
        "kpis/",
        "a/b",
        "var/secret_key",
    ]

    assert missing_files(named, folder="docs") == {"kpis/pages.py", "nowhere.py"}


@pytest.mark.parametrize("page", PAGE_NAMES)
def test_every_link_between_pages_leads_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    broken = []

    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", prose_of(page)):
        target, _, anchor = link.partition("#")
        file = (folder / target).resolve() if target else ROOT / page
        if not file.exists() or (anchor and anchor not in anchors(file.read_text(encoding="utf-8"))):
            broken.append(link)

    assert broken == []


@pytest.mark.parametrize("page", PAGE_NAMES)
def test_every_make_verb_exists(page: str) -> None:
    named = {verb for piece in code(page) for verb in re.findall(r"^make ([a-z]+)", piece, re.MULTILINE)}

    assert named - make_verbs() == set()


@pytest.mark.parametrize("page", PAGE_NAMES)
def test_every_management_command_exists(page: str) -> None:
    named = {name for piece in code(page) for name in re.findall(r"manage\.py ([a-z_]+)", piece)}

    assert named - {*get_commands(), "runserver"} == set()


def test_every_command_of_the_portal_is_in_the_changelog() -> None:
    own = {
        name
        for name, app in get_commands().items()
        if not app.startswith("django.") and (ROOT / app).is_dir()
    }
    line = re.search(r"^- Commands: (.*?\.)$", text_of("CHANGELOG.md"), re.MULTILINE | re.DOTALL)

    assert line is not None
    assert set(re.findall(r"`(\w+)`", line[1])) == own


@pytest.mark.parametrize("page", PAGE_NAMES)
def test_every_address_is_served(page: str) -> None:
    assert {path for path in addresses(page) if not is_served(path)} == set()


def test_an_address_that_nobody_serves_is_found() -> None:
    assert [is_served(path) for path in ("/explore/", "/kpis/x/", "/nothing/")] == [False, True, False]


@pytest.mark.parametrize("page", PAGE_NAMES)
def test_every_variable_is_read_somewhere(page: str) -> None:
    named = {re.sub(r"_FILE$", "", span.partition("=")[0]) for span in spans(page)}
    variables = {name for name in named if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", name)}

    assert variables - words_of_sources() - vars(environment_variables).keys() == set()


def test_every_page_named_in_code_exists() -> None:
    texts = (
        path.read_text(encoding="utf-8") for path in source_files("*.py", "*.ts", "Makefile", ".env.example")
    )
    named = {name for text in texts for name in re.findall(r"\bdocs/[\w/-]+\.md", text)}

    assert {name for name in named if not (ROOT / name).exists()} == set()


@pytest.mark.parametrize(
    "model",
    [
        model
        for app in ("audit", "people", "telemetry", "workbench", "kpis", "alerts", "objectives")
        for model in apps.get_app_config(app).get_models()
    ],
    ids=lambda model: model.__name__,
)
def test_the_architecture_explains_every_column(model) -> None:
    sections = re.split(r"^(?=\*\*`)", text_of("docs/architecture.md"), flags=re.MULTILINE)
    (section,) = [text for text in sections if f"**`{model.__name__}`**" in text.partition(":")[0]]
    columns = {field.name for field in model._meta.concrete_fields} - {"id"}

    named = set(re.findall(r"`(\w+)`", section))

    assert columns - named == set()


@pytest.mark.parametrize("app", APPS)
def test_the_architecture_names_every_package(app: str) -> None:
    section = text_of("docs/architecture.md").partition(f"### `{app}/`")[2].partition("\n##")[0]
    packages = {path.parent.name for path in (ROOT / app).glob("*/__init__.py")} - DJANGOS

    assert section != ""
    assert {name for name in packages if f"`{name}/`" not in section} == set()


def test_the_records_of_decisions_are_numbered_and_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))
    listed = re.findall(r"^\| \[(\d{4})\]\(([^)]+)\)", (folder / "README.md").read_text(), re.MULTILINE)

    assert [name for _, name in listed] == records
    assert [int(number) for number, _ in listed] == list(range(1, len(records) + 1))


@pytest.mark.parametrize("record", [name for name in PAGE_NAMES if name.startswith("docs/decisions/0")])
def test_a_record_has_its_four_parts(record: str) -> None:
    parts = re.findall(r"^## (.*)$", text_of(record), re.MULTILINE)

    assert parts == ["Context", "Decision", "Rejected", "Consequences"]
