"""What may be annotated, and what belongs to a range."""

from datetime import datetime, timedelta

import pytest

from kpis.annotations import BadAnnotation, Note, annotate, annotate_once, annotations_within, edit
from kpis.models import Annotation
from people.models import Role
from tests.builders import NOW, make_key, table
from tests.people.builders import make_person

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def note(text: str = "v2.3 deployed", *, at: datetime = NOW, kpi: str = "") -> Note:
    return Note(text=text, at=at, kpi=kpi)


def make_annotation(text: str, *, at: datetime = NOW, kpi: str = "", environment: str = "production") -> None:
    Annotation.objects.create(text=text, at=at, kpi=kpi, environment=environment)


def test_a_person_annotates_and_another_edits() -> None:
    ada, ben = (make_person(name, role=Role.ANALYST) for name in ("ada", "ben"))
    annotation = annotate(note(kpi="approval-rate"), environment="production", person=ada, now=NOW)

    edit(annotation, note("v2.4 deployed", at=NOW - HOUR), person=ben, now=NOW)

    fields = ("environment", "kpi", "at", "text", "added_by", "source", "edited_by")
    assert table(Annotation, *fields) == [("production", "", NOW - HOUR, "v2.4 deployed", ada.pk, "", ben.pk)]


def test_the_same_id_of_a_source_is_stored_once() -> None:
    web, worker = (make_key(scope="annotate", source=source) for source in ("web", "worker"))

    made = [
        annotate_once(note(text), key=key, client_id="v2.3", now=NOW)[1]
        for key, text in ((web, "first"), (web, "again"), (worker, "first"))
    ]

    assert made == [True, False, True]
    assert table(Annotation, "source", "text") == [("web", "first"), ("worker", "first")]


def test_without_an_id_every_post_adds_one() -> None:
    key = make_key(scope="annotate")
    assert [annotate_once(note(), key=key, client_id="", now=NOW)[1] for _ in range(2)] == [True, True]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (note(""), "text"),
        (note("x" * 201), "text"),
        (note("two\nlines"), "text"),
        (note(kpi="no-such-kpi"), "kpi"),
        (note(at=NOW + timedelta(days=366, seconds=1)), "at"),
        (note(at=NOW.replace(year=1999)), "at"),
    ],
)
def test_refuses_what_cannot_be(wrong: Note, field: str) -> None:
    with pytest.raises(BadAnnotation) as raised:
        wrong.check(now=NOW)
    assert raised.value.field == field


@pytest.mark.parametrize(
    "good", [note("x" * 200), note(at=NOW + timedelta(days=366)), note(kpi="approval-rate")]
)
def test_takes_what_is_just_possible(good: Note) -> None:
    good.check(now=NOW)


def test_a_range_has_its_start_and_not_its_end() -> None:
    for text, at in (("before", NOW - HOUR), ("start", NOW), ("inside", NOW + HOUR), ("end", NOW + 2 * HOUR)):
        make_annotation(text, at=at)
    make_annotation("elsewhere", environment="staging")

    found = annotations_within(environment="production", start=NOW, end=NOW + 2 * HOUR)

    assert [annotation.text for annotation in found] == ["start", "inside"]


def test_a_kpi_has_its_own_and_those_of_every_kpi() -> None:
    for text, kpi in (("of all", ""), ("its own", "approval-rate"), ("of another", "execution-cost")):
        make_annotation(text, kpi=kpi)

    found = annotations_within(environment="production", start=NOW, end=NOW + HOUR, kpi="approval-rate")

    assert [annotation.text for annotation in found] == ["of all", "its own"]


def test_of_too_many_the_newest_are_shown() -> None:
    Annotation.objects.bulk_create(
        Annotation(text=str(number), at=NOW + timedelta(seconds=number), environment="production")
        for number in range(201)
    )

    found = annotations_within(environment="production", start=NOW, end=NOW + HOUR)

    assert (len(found), found[0].text, found[-1].text) == (200, "1", "200")
