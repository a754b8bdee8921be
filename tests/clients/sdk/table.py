"""The SDKs that are tried against the portal: what each sends, and what is stored of it.

`python -m tests.clients.sdk.table` writes the table into docs/clients.md. test_conformance.py runs every row.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
REQUIREMENTS = ROOT / "requirements-dev.txt"
PACKAGES = Path(__file__).parent / "package.json"
PAGE = ROOT / "docs" / "clients.md"
BEGIN, END = "<!-- sdks: written by make docs -->\n", "<!-- end of sdks -->"

SEGMENT_REFUSALS = ("identify",)


@dataclass(frozen=True, kw_only=True)
class Sdk:
    """A row of the table.

    `program` is a file of `programs/`, or of `recorded/` where the version cannot be installed beside another. In
    those FIRST, NOW, KEY and BASIC stand for what differs. `arguments` stand before the portal's address. `bundle`
    is what a page loads. `sends` are the fields of id and time that its requests have. `refused` are the names that the
    quarantine gives the calls without a place in the plan. `gives_time`: an application can say when an event was.
    `session` is that of the second event, which the SDK knows.
    """

    package: str
    runs_in: str
    program: str
    posts_to: tuple[str, ...]
    sends: tuple[str, ...]
    refused: tuple[str, ...] = SEGMENT_REFUSALS
    arguments: tuple[str, ...] = ()
    bundle: str = ""
    variant: str = ""
    recorded_version: str = ""
    gives_time: bool = True
    session: str = "s-2"

    @property
    def name(self) -> str:
        """The row's name in the tests."""
        return f"{self.package}, {self.variant}" if self.variant else self.package

    @property
    def version(self) -> str:
        return self.recorded_version or pinned_versions(self.runs_in)[self.package]


SEGMENT_FIELDS = ("messageId", "timestamp", "sentAt")
RUDDERSTACK_FIELDS = ("messageId", "timestamp", "originalTimestamp", "sentAt")
CLOUDEVENT_FIELDS = ("id", "time")


def older_sdk(
    package: str,
    version: str,
    *,
    program: str,
    runs_in: str = "Node",
    posts_to: tuple[str, ...] = ("/v1/batch",),
    sends: tuple[str, ...] = SEGMENT_FIELDS,
    refused: tuple[str, ...] = SEGMENT_REFUSALS,
) -> Sdk:
    """A version that is still common. What it sent once was recorded, because two versions cannot be installed."""
    return Sdk(
        package=package,
        runs_in=runs_in,
        program=program,
        posts_to=posts_to,
        sends=sends,
        refused=refused,
        recorded_version=version,
    )


SDKS = (
    Sdk(
        package="segment-analytics-python",
        runs_in="Python",
        program="segment_like.py",
        arguments=("segment.analytics",),
        posts_to=("/v1/batch",),
        sends=SEGMENT_FIELDS,
    ),
    Sdk(
        package="analytics-python",
        runs_in="Python",
        # It can't be installed beside segment-analytics-python, whose package it also has.
        recorded_version="1.4.post1",
        program="analytics-python-1.4.json",
        posts_to=("/v1/batch",),
        sends=SEGMENT_FIELDS,
    ),
    older_sdk("analytics-python", "1.2.9", program="analytics-python-1.2.json", runs_in="Python"),
    Sdk(
        package="@segment/analytics-node",
        runs_in="Node",
        program="segment.mjs",
        arguments=("@segment/analytics-node",),
        posts_to=("/v1/batch",),
        sends=SEGMENT_FIELDS,
    ),
    older_sdk("@segment/analytics-node", "1.3.0", program="segment-analytics-node-1.json"),
    Sdk(
        package="analytics-node",
        runs_in="Node",
        program="analytics-node.mjs",
        posts_to=("/v1/batch",),
        sends=SEGMENT_FIELDS,
    ),
    older_sdk("analytics-node", "4.0.1", program="analytics-node-4.json"),
    older_sdk("analytics-node", "3.5.0", program="analytics-node-3.json"),
    Sdk(
        package="@segment/analytics-next",
        runs_in="browser",
        program="segment.browser.js",
        bundle="@segment/analytics-next/dist/umd/index.js",
        posts_to=("/v1/t", "/v1/i"),
        sends=SEGMENT_FIELDS,
    ),
    Sdk(
        package="@segment/analytics-next",
        variant="batches",
        runs_in="browser",
        program="segment.browser.js",
        bundle="@segment/analytics-next/dist/umd/index.js",
        posts_to=("/v1/b",),
        sends=SEGMENT_FIELDS,
    ),
    Sdk(
        package="rudder-sdk-python",
        runs_in="Python",
        program="segment_like.py",
        arguments=("rudderstack.analytics",),
        posts_to=("/v1/batch",),
        sends=SEGMENT_FIELDS,
    ),
    older_sdk("rudder-sdk-python", "1.0.6", program="rudder-sdk-python-1.0.json", runs_in="Python"),
    Sdk(
        package="@rudderstack/rudder-sdk-node",
        runs_in="Node",
        program="rudderstack.mjs",
        posts_to=("/v1/batch",),
        sends=RUDDERSTACK_FIELDS,
    ),
    older_sdk(
        "@rudderstack/rudder-sdk-node", "2.1.10", program="rudder-sdk-node-2.json", sends=RUDDERSTACK_FIELDS
    ),
    Sdk(
        package="@rudderstack/analytics-js",
        runs_in="browser",
        program="rudderstack.browser.js",
        bundle="@rudderstack/analytics-js/dist/npm/modern/bundled/umd/index.js",
        posts_to=("/v1/track", "/v1/identify"),
        sends=("messageId", "originalTimestamp", "sentAt"),
        session="1234567890",
    ),
    Sdk(
        package="@rudderstack/analytics-js",
        variant="beacons",
        runs_in="browser",
        program="rudderstack.browser.js",
        bundle="@rudderstack/analytics-js/dist/npm/modern/bundled/umd/index.js",
        posts_to=("/beacon/v1/batch",),
        sends=("messageId", "originalTimestamp", "sentAt"),
        session="1234567890",
    ),
    Sdk(
        package="@jitsu/js",
        runs_in="Node",
        program="jitsu.mjs",
        posts_to=("/api/s/track", "/api/s/identify"),
        sends=SEGMENT_FIELDS,
        gives_time=False,
    ),
    Sdk(
        package="customerio-cdp-analytics",
        runs_in="Python",
        program="segment_like.py",
        arguments=("customerio.analytics",),
        posts_to=("/v1/batch",),
        sends=SEGMENT_FIELDS,
    ),
    Sdk(
        package="@customerio/cdp-analytics-node",
        runs_in="Node",
        program="segment.mjs",
        arguments=("@customerio/cdp-analytics-node",),
        posts_to=("/v1/batch",),
        sends=("messageId", "timestamp"),
    ),
    Sdk(
        package="posthog",
        runs_in="Python",
        program="posthog_python.py",
        posts_to=("/batch/",),
        sends=("uuid", "timestamp", "sent_at"),
        refused=("$set",),
    ),
    *(
        older_sdk(
            "posthog",
            version,
            program=f"posthog-{version[0]}.json",
            runs_in="Python",
            posts_to=("/batch/",),
            sends=("timestamp", "sentAt"),
            refused=("$set",),
        )
        for version in ("5.4.0", "3.25.0", "2.5.0")
    ),
    Sdk(
        package="posthog-node",
        runs_in="Node",
        program="posthog.mjs",
        posts_to=("/batch/",),
        sends=("uuid", "timestamp", "sent_at"),
        refused=("$identify",),
    ),
    older_sdk(
        "posthog-node",
        "3.6.3",
        program="posthog-node-3.json",
        posts_to=("/batch/",),
        sends=("uuid", "timestamp", "sent_at"),
        refused=("$identify",),
    ),
    Sdk(
        package="posthog-js",
        runs_in="browser",
        program="posthog.browser.js",
        bundle="posthog-js/dist/array.full.no-external.js",
        posts_to=("/e/",),
        sends=("uuid", "timestamp", "offset"),
        refused=("$identify",),
    ),
    Sdk(
        package="posthog-js",
        variant="beacons",
        runs_in="browser",
        program="posthog.browser.js",
        bundle="posthog-js/dist/array.full.no-external.js",
        posts_to=("/e/",),
        sends=("uuid", "timestamp"),
        refused=("$identify",),
    ),
    Sdk(
        package="cloudevents",
        variant="all three modes",
        runs_in="Python",
        program="cloudevents_python.py",
        posts_to=("/api/workbench/telemetry",),
        sends=CLOUDEVENT_FIELDS,
        refused=(),
    ),
    Sdk(
        package="cloudevents",
        variant="binary and structured",
        runs_in="Node",
        program="cloudevents.mjs",
        posts_to=("/api/workbench/telemetry",),
        sends=CLOUDEVENT_FIELDS,
        refused=(),
    ),
)


def pinned_versions(runs_in: str) -> dict[str, str]:
    """The versions that the tests install, by package."""
    if runs_in == "Python":
        return dict(re.findall(r"^([\w-]+)==(\S+)$", REQUIREMENTS.read_text(), flags=re.MULTILINE))
    versions: dict[str, str] = json.loads(PACKAGES.read_text())["devDependencies"]
    return versions


def markdown() -> str:
    """The table as the page has it."""
    head = ["| SDK | Version | Runs in | Posts to | Id and time | Refused |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *(row(sdk) for sdk in SDKS)]) + "\n"


def row(sdk: Sdk) -> str:
    runs_in = f"{sdk.runs_in} (a recorded request)" if sdk.recorded_version else sdk.runs_in
    name = f"`{sdk.package}`" + (f", {sdk.variant}" if sdk.variant else "")
    cells = [name, sdk.version, runs_in, spans(sdk.posts_to), spans(sdk.sends), spans(sdk.refused) or "none"]
    return f"| {' | '.join(cells)} |"


def spans(texts: tuple[str, ...]) -> str:
    return ", ".join(f"`{text}`" for text in texts)


def with_table(page: str) -> str:
    """The page with the table as it is now. Raises ValueError if it has no place for one."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError("The page has no place for the table.")
    return before + BEGIN + markdown() + end + after


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
