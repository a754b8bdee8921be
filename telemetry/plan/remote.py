"""Fetches the plan of another portal from its /api/plan/."""

import json
from datetime import date
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import yaml

from telemetry.plan.definitions import PropertyType, TrackingPlan
from telemetry.plan.documents import PlanFault
from telemetry.plan.metric_reading import LABEL_KEYS, METRIC_KEYS
from telemetry.plan.reading import (
    DEPRECATION_KEYS,
    EVENT_KEYS,
    PROPERTY_KEYS,
    TYPE_KEYS,
    parse_plan,
)

PLAN_PATH = "/api/plan/"
TIMEOUT_SECONDS = 30
MAX_BYTES = 8 * 1024 * 1024


def fetch_plan(url: str, *, key: str) -> TrackingPlan:
    """The plan of the portal at `url` (with or without /api/plan/); `key` is any key of that portal.

    Raises PlanFault when it does not answer with a plan.
    """
    address = url if url.rstrip("/").endswith(PLAN_PATH.rstrip("/")) else url.rstrip("/") + PLAN_PATH
    if not address.startswith(("http://", "https://")):
        raise PlanFault([f"{url}: a portal's address begins with http:// or https://."])
    request = Request(address, headers={"Authorization": f"Bearer {key}", "Accept": "application/json"})  # noqa: S310 (the same)
    try:
        with urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310 (http and https only)
            content = json.loads(response.read(MAX_BYTES))
    except HTTPError as error:
        error.close()
        raise PlanFault([f"{address}: the portal answered {error.code} {error.reason}."]) from error
    except (OSError, ValueError) as error:
        raise PlanFault([f"{address}: there is no plan to be read: {error}."]) from error
    return plan_from_dict(content, name=address)


def plan_from_dict(content: Any, *, name: str) -> TrackingPlan:
    """The plan that `plan_as_dict` wrote, after the same checks that a file goes through. Raises PlanFault."""
    try:
        document = {
            "version": content["version"],
            "events": {event["name"]: _event(event) for event in content["events"]},
            # Portals of earlier releases have none.
            "metrics": {metric["name"]: _metric(metric) for metric in content.get("metrics", [])},
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise PlanFault([f"{name}: this is not a tracking plan."]) from error
    return parse_plan(yaml.safe_dump(document, sort_keys=False), name=name)


def _event(event: dict[str, Any]) -> dict[str, Any]:
    sections: dict[str, dict[str, Any]] = {"required": {}, "optional": {}}
    for definition in event["properties"]:
        sections["required" if definition["required"] else "optional"][definition["name"]] = _property(
            definition
        )
    return _entry(event, EVENT_KEYS - sections.keys()) | sections


def _property(definition: dict[str, Any]) -> dict[str, Any]:
    """As a plan file writes it: without the bounds that follow from the type."""
    kind = PropertyType(definition["type"])
    keys = {key for key in PROPERTY_KEYS if key not in TYPE_KEYS or kind in TYPE_KEYS[key]}
    return _entry(definition, keys)


def _metric(content: dict[str, Any]) -> dict[str, Any]:
    labels = {label["name"]: _entry(label, LABEL_KEYS) for label in content["labels"]}
    return _entry(content, METRIC_KEYS) | {"labels": labels}


def _entry(content: dict[str, Any], keys: set[str] | frozenset[str]) -> dict[str, Any]:
    entry = {key: value for key, value in content.items() if key in keys}
    if "deprecated" in entry:
        mark = {key: value for key, value in entry["deprecated"].items() if key in DEPRECATION_KEYS}
        entry["deprecated"] = {**mark, "until": date.fromisoformat(mark["until"])}
    return entry
