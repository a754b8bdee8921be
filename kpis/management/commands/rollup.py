from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from kpis.compute import rollup


class Command(BaseCommand):
    help = "Take all pending arrivals now and return when the KPIs are current."

    def handle(self, *args: Any, **options: Any) -> None:
        rollup.bring_up_to_date(now=timezone.now(), wait=True)
