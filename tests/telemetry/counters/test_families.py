import re

import pytest

from telemetry.counters.families import DEFINITIONS, FAMILIES, Family, FamilyType


@pytest.mark.parametrize("family", DEFINITIONS, ids=lambda family: family.name)
def test_a_family_is_named_as_prometheus_asks(family: Family) -> None:
    assert re.fullmatch(r"(workbench|workflow|agent|appserver|tool_buffer|portal)_[a-z_]+", family.name)
    assert family.name.endswith("_total" if family.kind is FamilyType.COUNTER else "_seconds")
    assert bool(family.buckets) is (family.kind is FamilyType.HISTOGRAM)
    assert list(family.buckets) == sorted(set(family.buckets))
    assert "environment" not in family.labels


def test_no_name_is_given_twice() -> None:
    assert len(FAMILIES) == len(DEFINITIONS)


def test_ids_are_never_labels() -> None:
    labels = {label for family in DEFINITIONS for label in family.labels}

    assert not {label for label in labels if "id" in label or label in {"session", "user", "draft", "run"}}


@pytest.mark.parametrize("bound", [0.3, 900.0])
def test_objectives_are_stated_at_bounds_of_buckets(bound: float) -> None:
    assert any(bound in family.buckets for family in DEFINITIONS)


def test_family_names_fit_their_column() -> None:
    assert max(len(name) for name in FAMILIES) <= 64
