from datetime import timedelta
from functools import partial

import pytest
from django.db import connection, transaction

from alerts.models import Alert, AlertSource
from alerts.recording import record
from alerts.reports import AlertReport
from tests.builders import NOW, table
from tests.threads import run_together

AGAIN = NOW + timedelta(hours=1)
LATER = NOW + timedelta(days=1)


def report(*, again: bool) -> AlertReport:
    return AlertReport(
        fingerprint=f"{1:016x}",
        labels={"alertname": "KpiOffTarget"},
        started_at=AGAIN if again else NOW,
        ended_at=None,
        expires_at=LATER,
    )


@pytest.mark.postgres
@pytest.mark.only_on("postgresql")
@pytest.mark.django_db(transaction=True)
def test_two_messages_at_once_about_two_starts_of_the_same_alerts_are_as_one_after_the_other() -> None:
    def send(*, again: bool) -> None:
        with transaction.atomic():
            record([report(again=again)], source=AlertSource.ALERTMANAGER)
            with connection.cursor() as cursor:
                # The other message comes meanwhile.
                cursor.execute("SELECT pg_sleep(0.2)")

    assert run_together(*(partial(send, again=again) for again in (False, True))) == []
    assert table(Alert, "started_at", "expires_at") == [(NOW, AGAIN), (AGAIN, LATER)]
