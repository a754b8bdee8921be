"""What migrations do to the rows of an earlier release."""

from importlib import import_module

import pytest
from django.apps import apps

from telemetry.models import ApiKey, QuarantinedEvent
from tests.rows import arrival, quarantined_event

fill_in = import_module("telemetry.migrations.0005_fill_in_the_keys_of_quarantined_events").fill_in


@pytest.mark.django_db
def test_a_rejected_event_gets_the_key_of_its_post(ingest_key: ApiKey) -> None:
    post = arrival(key=ingest_key)
    quarantined_event(0, arrival_id=post.pk)
    quarantined_event(1, arrival_id=post.pk + 1)

    fill_in(apps, None)

    assert list(QuarantinedEvent.objects.order_by("position").values_list("key", flat=True)) == [
        ingest_key.pk,
        None,
    ]
