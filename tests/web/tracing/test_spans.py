import pytest
from django.db import DatabaseError, connection, transaction
from opentelemetry.trace import StatusCode, format_span_id

from telemetry.models import Environment
from tests.builders import NOW
from tests.recording import recording
from web.tracing import spans


def traceparent(number: int, *, span: int = 1) -> str:
    return f"00-{number:032x}-{span:016x}-01"


def test_without_tracing_nothing_is_recorded() -> None:
    with spans.span("work", attributes={}, linked=["x"]), spans.statement("SELECT 1", system="sqlite"):
        spans.set_attribute("portal.arrival.id", 1)

        assert spans.current_traceparent() is None
        assert spans.current_ids() == {}


def test_a_span_links_to_others_and_names_itself() -> None:
    with recording() as recorded:
        with spans.span("work", attributes={"portal.buckets": 2}, linked=[traceparent(1), "no traceparent"]):
            own, ids = spans.current_traceparent(), spans.current_ids()

        (span,) = recorded.spans()

    assert own == f"00-{ids['trace_id']}-{ids['span_id']}-01"
    assert ids["span_id"] == format_span_id(span.context.span_id)
    assert [link.context.trace_id for link in span.links] == [1]


def test_a_trace_is_linked_to_once() -> None:
    assert spans.links_of([None, traceparent(1), traceparent(2), traceparent(1, span=2)]) == [
        traceparent(1),
        traceparent(2),
    ]


@pytest.mark.parametrize("excess", [-1, 0, 1])
def test_the_number_of_links_is_bounded(excess: int) -> None:
    given = [traceparent(number) for number in range(1, spans.MOST_LINKS + excess + 1)]

    assert len(spans.links_of(given)) == min(spans.MOST_LINKS, len(given))


@pytest.mark.django_db
def test_a_statement_outside_of_a_span_is_not_recorded() -> None:
    with recording() as recorded:
        Environment.objects.count()

        assert recorded.spans() == []


def test_a_statement_without_a_text_is_no_fault() -> None:
    with recording() as recorded:
        with spans.span("work", attributes={}), spans.statement(" ", system="sqlite"):
            pass

        assert [span.name for span in recorded.spans()] == ["sqlite", "work"]


@pytest.mark.django_db
def test_a_statement_has_its_text_and_none_of_its_values() -> None:
    with recording() as recorded:
        with spans.span("work", attributes={}):
            Environment.objects.filter(name="marker").count()

        statement, work = recorded.spans()

    assert (statement.name, work.name) == ("SELECT", "work")
    attributes = dict(statement.attributes or {})
    assert attributes["db.system.name"] == connection.vendor
    assert "telemetry_environment" in str(attributes["db.query.text"])
    assert "marker" not in statement.to_json()


@pytest.mark.django_db
def test_statements_that_another_covers_have_no_spans() -> None:
    with recording() as recorded:
        with (
            spans.span("work", attributes={}),
            spans.statement("INSERT INTO x", system=connection.vendor, rows=3, covers_others=True),
        ):
            Environment.objects.count()

        insert, _ = recorded.spans()

    assert (insert.name, (insert.attributes or {})["db.operation.batch.size"]) == ("INSERT", 3)


@pytest.mark.django_db
def test_a_failure_is_told_by_its_type_and_not_by_its_text() -> None:
    Environment.objects.create(name="marker", created_at=NOW)
    with recording() as recorded:
        with (
            pytest.raises(DatabaseError),
            transaction.atomic(),
            spans.span("work", attributes={}),
        ):
            Environment.objects.create(name="marker", created_at=NOW)

        failed = [span for span in recorded.spans() if span.status.status_code is StatusCode.ERROR]

    assert [(span.name, (span.attributes or {})["error.type"]) for span in failed] == [
        ("INSERT", "IntegrityError"),
        ("work", "IntegrityError"),
    ]
    assert not [span for span in failed if "marker" in span.to_json()]
