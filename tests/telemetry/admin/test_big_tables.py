import pytest
from django.contrib.auth.models import Group

from telemetry.admin.big_tables import COUNTED_ROWS, BoundedPaginator, LowerBound


def make_groups(count: int) -> None:
    Group.objects.bulk_create(Group(name=f"group-{number}") for number in range(count))


@pytest.mark.django_db
@pytest.mark.parametrize("count", [0, 1, COUNTED_ROWS])
def test_counts_exactly_up_to_the_bound(count: int) -> None:
    make_groups(count)

    counted = BoundedPaginator(Group.objects.filter(name__startswith="group-").order_by("pk"), 50).count

    assert (counted, str(counted)) == (count, str(count))


@pytest.mark.django_db
def test_beyond_the_bound_it_knows_only_that_there_are_more() -> None:
    make_groups(COUNTED_ROWS + 1)

    paginator = BoundedPaginator(Group.objects.filter(name__startswith="group-").order_by("pk"), 50)

    assert (paginator.count, str(paginator.count), paginator.num_pages) == (1000, "1000+", 20)


@pytest.mark.django_db
def test_the_last_page_that_it_offers_is_full() -> None:
    make_groups(COUNTED_ROWS + 1)

    page = BoundedPaginator(Group.objects.filter(name__startswith="group-").order_by("pk"), 50).page(20)

    assert len(page.object_list) == 50


def test_a_lower_bound_is_a_number() -> None:
    assert LowerBound(1000) > 999
    assert LowerBound(1000) == 1000
