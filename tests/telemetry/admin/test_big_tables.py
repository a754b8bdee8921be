from datetime import timedelta

import pytest
from django.contrib.auth.models import Group

from telemetry.admin.big_tables import COUNTED_ROWS, AtLeast, BoundedPaginator, compact_duration, pretty_json


def make_groups(count: int) -> None:
    Group.objects.bulk_create(Group(name=f"group-{number}") for number in range(count))


@pytest.mark.django_db
@pytest.mark.parametrize("count", [0, 1, COUNTED_ROWS])
def test_counts_exactly_up_to_the_bound(count: int) -> None:
    make_groups(count)
    counted = BoundedPaginator(Group.objects.order_by("pk"), 50).count
    assert (counted, str(counted)) == (count, str(count))


@pytest.mark.django_db
def test_beyond_the_bound_it_knows_only_that_there_are_more() -> None:
    make_groups(COUNTED_ROWS + 1)
    paginator = BoundedPaginator(Group.objects.order_by("pk"), 50)
    assert (paginator.count, str(paginator.count), paginator.num_pages) == (1000, "1000+", 20)


@pytest.mark.django_db
def test_the_last_page_that_it_offers_is_full() -> None:
    make_groups(COUNTED_ROWS + 1)
    page = BoundedPaginator(Group.objects.order_by("pk"), 50).page(20)
    assert len(page.object_list) == 50


def test_at_least_is_the_number_itself() -> None:
    assert AtLeast(1000) > 999
    assert AtLeast(1000) == 1000


def test_json_is_indented_and_escaped() -> None:
    shown = pretty_json({"name": "<script>", "list": [1]})
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown
    assert "\n  &quot;name&quot;" in shown


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=-3), "0 s"),
        (timedelta(milliseconds=1400), "1 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(minutes=4, seconds=10), "4 min 10 s"),
        (timedelta(hours=2, minutes=5, seconds=9), "2 h 5 min"),
        (timedelta(hours=2, seconds=9), "2 h"),
        (timedelta(days=61, hours=3), "61 d 3 h"),
    ],
)
def test_durations_are_told_in_two_units(duration: timedelta, words: str) -> None:
    assert compact_duration(duration) == words
