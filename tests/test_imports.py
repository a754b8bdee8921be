"""Imports point one way at every level: between the apps, between an app's packages, and between modules.

docs/architecture.md says what each place holds. Imports within functions count too.
"""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = (
    "web",
    "audit",
    "people",
    "telemetry",
    "workbench",
    "kpis",
    "alerts",
    "objectives",
    "sharing",
    "pages",
    "digests",
    "metrics",
    "config",
)

# Package → its rooms, from the floor that everything may import to the one that nothing may. Rooms of one floor
# may import each other in any one direction, but for the apps: pages and metrics do not know each other.
FLOORS: Mapping[str, tuple[str, ...]] = {
    "": (
        "web",
        "audit",
        "people",
        "telemetry",
        "workbench",
        "kpis",
        "alerts objectives sharing",
        "pages metrics",
        "digests",
        "config",
    ),
    "people": (
        "hashing mailing models passkeys sealing shared_cache",
        "access",
        "overview roles",
        "invitations second_factor sessions",
        "adapter forms single_sign_on",
        "views",
        "apps tasks urls",
    ),
    "people.overview": ("arranging visits",),
    "people.single_sign_on": ("claims", "provider"),
    "people.views": ("refusals", "account invitations signing_in", "sign_on"),
    "telemetry": (
        "models",
        "key_use",
        "keys maintenance",
        "plan",
        "intake",
        "incoming",
        "door",
        "counters",
        "quality",
        "notices",
        "lifecycle",
        "clients",
        "admin apps checks management tasks",
    ),
    "telemetry.models": (
        "keys",
        "counters erasures events maintenance notices plans quarantine retention sent spans",
    ),
    "telemetry.door": (
        "body client_names misreadings openapi posting recent strict_json throttling",
        "protocols",
        "plan_views urls views",
    ),
    "telemetry.door.protocols": (
        "messages",
        "cloudevents otlp posthog posts segment webhooks",
        "views",
        "urls",
    ),
    "telemetry.door.protocols.otlp": ("dialects", "spans", "protobuf", "answers translating", "views"),
    "telemetry.intake": (
        "advice instruments privacy storage wording",
        "unplanned",
        "personal_data quarantine redaction",
        "problems",
        "validation",
        "allowance erased event_keys",
        "ingest",
    ),
    "telemetry.incoming": ("filters", "posts", "events"),
    "telemetry.quality": ("days rejected", "events", "event"),
    "telemetry.admin": (
        "big_tables filters formatting",
        "arrivals counters erasures keys maintenance notices plan quarantine raw_events retention sent spans",
    ),
    "telemetry.admin.keys": ("forms", "api_keys"),
    "telemetry.admin.quarantine": ("actions", "events jobs rejections"),
    "audit": ("hiding", "models", "acting trail", "apps receivers"),
    "telemetry.lifecycle": ("partitions raw_scan replay", "erasure quarantine_jobs retention", "disk"),
    "telemetry.lifecycle.retention": (
        "portions rules span_links subjects",
        "reports",
        "raw_events",
        "audit_entries ledger rows",
        "runs",
        "preview",
    ),
    "telemetry.notices": ("channels incidents routes", "expiry rejections sending", "rounds"),
    "alerts": (
        "models reports severity thresholds",
        "reading recording rules",
        "own_alerts webhook",
        "admin apps",
    ),
    "alerts.rules": ("findings", "intake kpis rollup", "catalogue"),
    "alerts.webhook": ("message", "views", "urls"),
    "web": (
        "api_paths log_fields maintenance moments negotiation peers request_ids requests runbooks tracing",
        "errors languages",
        "middleware",
    ),
    "web.tracing": ("recording", "spans", "exporting server statements", "pipeline", "start"),
    "workbench": (
        "models",
        "buckets costs dialect durations isolation labels raw_events rejected_events streams",
        "fold retention runs stopped_sessions",
        "timelines",
        "erasure retries",
        "admin api apps checks management tasks",
        "urls",
    ),
    "workbench.admin": ("erasures retries things",),
    "workbench.retries": (
        "addresses bell signing",
        "sending webhook",
        "message",
        "schedule",
        "requesting",
        "status views",
    ),
    "workbench.runs": (
        "approvals filters lengths states totals usual",
        "errors events listing",
        "detail",
    ),
    "workbench.timelines": ("events", "approvals", "sessions", "drafts"),
    "workbench.erasure": ("receipts selection", "events", "things", "export previews reports", "steps"),
    "kpis": (
        "models",
        "days distinct formatting histogram registry",
        "annotations run_queries statistics values",
        "compute",
        "reading",
        "changed counted setting_goals",
        "api",
        "demo",
        "admin apps entered_counts forms management tasks",
    ),
    "kpis.statistics": (
        "intervals",
        "counts differences proportions ranks shifts",
        "estimates",
        "changes",
    ),
    "kpis.counted": ("places", "sources", "listing", "totals"),
    "kpis.setting_goals": ("effects", "past_values previews"),
    "kpis.reading": (
        "periods",
        "goals spans sums",
        "evaluation",
        "environments measurability stored_rows",
        "context query",
        "activity funnel lag readings shifts usage windows",
    ),
    "kpis.reading.activity": ("users",),
    "kpis.reading.usage": ("breakdown", "agents"),
    "pages": (
        "page_request period_names polling runbook sparkline templatetags verdicts",
        "counted_links day_bars page_controls stacks thing_links",
        "alerting annotating exporting",
        "runs",
        "kpi live",
        "counted overview slos things usage",
        "funnel plan",
        "sharing",
        "apps urls",
    ),
    "pages.funnel": ("state", "texts", "views"),
    "pages.alerting": ("texts", "views"),
    "pages.overview": ("activity cards sentences", "arranging since", "views"),
    "pages.plan": ("state", "texts", "list", "event", "rejected"),
    "pages.usage": ("sorting", "links", "agents costs"),
    "pages.runs": ("state waterfall", "retrying spans texts", "detail_texts", "views"),
    "pages.polling": ("fragments", "admissions"),
    "pages.live": ("state", "texts", "views"),
    "pages.things": ("frame", "timeline_texts", "texts", "views"),
    "pages.counted": ("texts", "views"),
    "pages.exporting": ("tables", "answers"),
    "pages.sharing": ("places", "reports", "forms texts", "making visiting"),
    "pages.kpi": ("news texts", "change_texts chart headline shift_texts", "over_time", "views", "changes"),
    "digests": (
        "models",
        "addresses handover schedule",
        "queue subscriptions",
        "letters",
        "forms sending",
        "views",
        "admin apps tasks urls",
    ),
    "digests.letters": ("bars", "content", "writing", "composing"),
    "metrics": (
        "database families processes requests rules tasks",
        "collector dashboards indicators lines",
        "exposition",
        "apps management recorder urls views worker_endpoint",
    ),
    "metrics.rules": ("promql", "maintenance", "budgets thresholds", "files"),
    "objectives": (
        "definitions models",
        "recording",
        "history reading",
        "admin api apps checks tasks",
        "urls",
    ),
    "sharing": ("models", "links", "admin apps tasks"),
    "metrics.dashboards": (
        "panels queries",
        "shapes variables",
        "agents app_servers budgets costs health kpis workflows",
        "files",
    ),
    "config": (
        "server",
        "admin admin_faults apps audit celery checks databases env favicon formats health logs mail operations"
        " processes rsgi settings sidebar tasks urls wsgi",
        "management",
    ),
    "config.operations": ("backup smoke", "restore"),
    "config.admin": ("forms", "accounts", "invitations sessions"),
    "config.health": (
        "findings limits",
        "intake pipeline processes scrape storage versions",
        "report",
        "alerting views",
    ),
}
MOST_MODULES = 16


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def app_files() -> list[Path]:
    files = (path for app in APPS for path in (ROOT / app).rglob("*.py"))
    return sorted(path for path in files if "migrations" not in path.parts)


MODULES = {module_name(path): path for path in app_files()}


def imported(source: str, *, package: str) -> Iterator[str]:
    """Full names of the modules that a module of the package imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*parents, *filter(None, [node.module])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def rooms_of(package: str) -> set[str]:
    """The modules and packages that lie directly in the package."""
    inside = (name.removeprefix(f"{package}.") for name in MODULES if name.startswith(f"{package}."))
    return {name.split(".")[0] for name in inside}


def floor_of(room: str, *, package: str) -> int:
    """Raises LookupError for a room that has no floor: say above where it belongs."""
    for floor, rooms in enumerate(FLOORS[package]):
        if room in rooms.split():
            return floor
    raise LookupError(f"{package}.{room} has no floor")


def points_up(importer: str, target: str) -> bool:
    """Whether the import goes to a higher floor, at the level where the two modules' ways part."""
    package: list[str] = []
    ways = zip(importer.split("."), target.split("."), strict=False)
    for own, other in ways:
        if own != other:
            break
        package.append(own)
    else:
        return False
    name = ".".join(package)
    if name not in FLOORS:
        return False
    here, there = floor_of(own, package=name), floor_of(other, package=name)
    return there > here or (there == here and not name)


def forbidden(source: str, *, importer: str, package: str) -> set[str]:
    """What the module imports from a higher floor."""
    ours = MODULES.keys() & set(imported(source, package=package))
    return {name for name in ours if points_up(importer, name)}


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module: str) -> None:
    path = MODULES[module]
    package = ".".join(path.relative_to(ROOT).parent.parts)

    assert forbidden(path.read_text(encoding="utf-8"), importer=module, package=package) == set()


def test_every_room_of_an_ordered_package_has_a_floor() -> None:
    listed = {package: set(" ".join(floors).split()) for package, floors in FLOORS.items() if package}

    rooms = {package: rooms_of(package) for package in listed}

    assert rooms == listed


def test_no_two_modules_import_each_other_in_a_circle() -> None:
    graph = {
        name: set(
            imported(path.read_text(encoding="utf-8"), package=".".join(path.relative_to(ROOT).parent.parts))
        )
        & (MODULES.keys() - {name})
        for name, path in MODULES.items()
    }
    # A package's own file names what it offers; that is no circle.
    for name, targets in graph.items():
        targets -= {target for target in targets if name.startswith(f"{target}.")}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_no_package_is_crowded() -> None:
    sizes = {
        str(folder.relative_to(ROOT)): len(
            [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        )
        for folder in {path.parent for path in MODULES.values()}
    }
    assert {folder: size for folder, size in sizes.items() if size > MOST_MODULES} == {}


def test_no_class_name_stands_twice() -> None:
    # Django asks for these names.
    allowed = {"Command", "Meta"}
    places: dict[str, list[str]] = {}

    for module, path in MODULES.items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and node.name not in allowed:
                places.setdefault(node.name, []).append(module)

    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}


@pytest.mark.parametrize(
    ("source", "importer", "expected"),
    [
        ("import kpis.models", "telemetry.keys", {"kpis.models"}),
        ("def f():\n  from workbench import fold", "telemetry.keys", {"workbench", "workbench.fold"}),
        ("from ... import kpis", "telemetry.management.commands.create_key", set()),
        ("from telemetry import plan\nimport kpisx", "kpis.admin", set()),
        ("from .models import Draft", "workbench.admin", set()),
        ("if True:\n  from config import env", "kpis.admin", {"config", "config.env"}),
        ("from metrics import views", "pages.overview", {"metrics", "metrics.views"}),
        ("from kpis.reading import windows", "kpis.compute.rollup", {"kpis.reading", "kpis.reading.windows"}),
        ("from kpis.reading import query", "kpis.reading.evaluation", {"kpis.reading.query"}),
        ("from telemetry.door import views", "telemetry.door.protocols.segment", {"telemetry.door.views"}),
        ("from telemetry.intake import ingest", "telemetry.door.posting", set()),
    ],
)
def test_finds_imports_that_point_up(source: str, importer: str, expected: set[str]) -> None:
    package = importer.rpartition(".")[0]
    assert forbidden(source, importer=importer, package=package) == expected
