from dataclasses import replace

import pytest
from prometheus_client.exposition import choose_encoder

from metrics import lines
from metrics.exposition import OPENMETRICS, encode
from metrics.families.building import gauge
from metrics.families.stored import Bins, StoredFamily, metric_of
from metrics.lines import Families, KeptLines, KeptTexts
from telemetry.counters.bridge import Series
from telemetry.counters.families import Family, families

ERRORS = families()["agent_errors_total"]
DURATIONS = families()["agent_duration_seconds"]
AGES = gauge("portal_ages_seconds", "Of no importance.", {"production": 1.5})
ODD = 'say "hi" \\ there = 1 }'


def series(*labels: str, environment: str = "production") -> Series:
    return environment, labels


def stored(values: dict[Series, Bins], *, family: Family = ERRORS) -> StoredFamily:
    return StoredFamily(family, values)


@pytest.mark.parametrize("accept", ["", f"{OPENMETRICS}; version=1.0.0"])
def test_the_text_is_what_the_library_writes_also_when_values_change(accept: str) -> None:
    to_text, _ = choose_encoder(accept)
    for count in (0, 1, 12_345_678):
        shown = [
            stored({series("b", ODD): {"": count}, series("a", "", environment="staging"): {"": 7}}),
            stored({series(ODD): {"5.0": count, "+Inf": 2, "sum": 3_000_001}}, family=DURATIONS),
            stored({}, family=DURATIONS),
        ]

        text, _ = encode([*shown, AGES], accept=accept)

        assert text == to_text(Families([*(metric_of(one.family, one.series) for one in shown), AGES]))


def test_lines_are_written_again_only_of_series_that_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptLines()
    first, second = series("a", "timeout"), series("b", "timeout")
    kept.of_family(stored({first: {"": 1}, second: {"": 1}}))
    written: list[Series] = []
    write_lines = lines.write_lines

    def note(family: Family, series: Series, *args: object, **kwargs: object) -> lines.SeriesLines:
        written.append(series)
        return write_lines(family, series, *args, **kwargs)  # type: ignore[arg-type]  # They are passed on.

    monkeypatch.setattr(lines, "write_lines", note)
    text = kept.of_family(stored({first: {"": 1}, second: {"": 2}}))

    assert written == [second]
    assert [line.split()[-1] for line in text.splitlines()] == ["1.0", "2.0"]


def test_a_family_that_the_plan_describes_in_another_way_begins_anew() -> None:
    kept = KeptLines()
    values = {series("planner"): {"5.0": 1, "sum": 1}}
    kept.of_family(stored(values, family=DURATIONS))

    text = kept.of_family(stored(values, family=replace(DURATIONS, buckets=(5.0,))))

    assert text.count("_bucket") == 2


def test_what_is_no_longer_stored_has_no_lines() -> None:
    kept = KeptLines()
    kept.of_family(stored({series("a", "timeout"): {"": 1}}))

    assert kept.of_family(stored({})) == ""


def test_a_family_is_written_again_only_when_it_changed_in_the_format() -> None:
    kept, written = KeptTexts(), []

    def to_text(shown: Families) -> bytes:
        [metric] = shown.collect()
        written.append(metric.samples[0].value)
        return str(metric.samples[0].value).encode()

    texts = [
        kept.of_metric(gauge("age", "Age.", {"a": value}), format=format, to_text=to_text)
        for value, format in ((1, ""), (1, ""), (2, ""), (2, "open"), (2, "open"))
    ]

    assert (texts, written) == ([b"1", b"1", b"2", b"2", b"2"], [1, 2, 2])


def test_a_family_to_which_its_collector_adds_is_written_again() -> None:
    kept, metric = KeptTexts(), gauge("age", "Age.", {"a": 1})

    def to_text(shown: Families) -> bytes:
        return str(sum(len(family.samples) for family in shown.collect())).encode()

    before = kept.of_metric(metric, format="", to_text=to_text)
    metric.add_sample("age", {"environment": "b"}, 2)

    assert (before, kept.of_metric(metric, format="", to_text=to_text)) == (b"1", b"2")
