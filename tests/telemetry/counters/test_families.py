import re

import pytest

from telemetry.counters.families import PORTAL_FAMILIES, Family, families
from telemetry.plan import FamilyType

FAMILIES = list(families().values())


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_family_is_named_as_prometheus_asks(family: Family) -> None:
    assert re.fullmatch(r"(workbench|workflow|agent|appserver|tool_buffer|portal)_[a-z_]+", family.name)
    assert family.name.endswith("_total" if family.kind is FamilyType.COUNTER else "_seconds")
    assert bool(family.buckets) is (family.kind is FamilyType.HISTOGRAM)
    assert "environment" not in family.labels


def test_ids_are_never_labels() -> None:
    labels = {label for family in FAMILIES for label in family.labels}

    assert not {label for label in labels if "id" in label or label in {"session", "user", "draft", "run"}}


@pytest.mark.parametrize("bound", [0.3, 900.0])
def test_objectives_are_stated_at_bounds_of_buckets(bound: float) -> None:
    assert any(bound in family.buckets for family in FAMILIES)


def test_family_names_fit_their_column() -> None:
    assert max(len(family.name) for family in FAMILIES) <= 64


def test_the_plan_cannot_take_the_names_of_the_portals_own_families() -> None:
    assert all(family.name.startswith(("portal_", "workbench_kpi_")) for family in PORTAL_FAMILIES)


def test_only_labels_that_the_plan_caps_can_take_any_value() -> None:
    open_labels = {label for family in FAMILIES for label in family.open_labels}

    assert open_labels == {"agent", "category", "error_type", "method", "model", "route", "workflow"}


def test_a_value_falls_into_a_bucket_of_its_own_unit() -> None:
    family = Family(name="x", kind=FamilyType.HISTOGRAM, help="", labels=(), buckets=(1.0, 10.0))

    assert [family.bin_of(value) for value in (0, 1, 2, 10, 11)] == ["1.0", "1.0", "10.0", "10.0", "+Inf"]
