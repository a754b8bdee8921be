from prometheus_client import REGISTRY

from kpis.compute.instruments import rollup_seconds


def value_of(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_a_stage_of_the_rollup_is_timed() -> None:
    with rollup_seconds.labels("test").time():
        pass

    assert value_of("portal_rollup_seconds_count", stage="test") == 1
    assert value_of("portal_rollup_seconds_bucket", stage="test", le="60.0") == 1
