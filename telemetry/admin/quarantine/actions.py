"""Replaying and removing quarantined events from the admin: it asks first, and then makes a job."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from telemetry.admin.big_tables import ReadOnlyModelAdmin
from telemetry.lifecycle import quarantine_jobs
from telemetry.models import QuarantinedEvent, QuarantineJob, QuarantineWork

# So many events are tried out for the page that asks.
PREVIEWED = 1000
JOBS = "admin:telemetry_quarantinejob_changelist"

VERBS = {QuarantineWork.REPLAY: "Replay", QuarantineWork.DELETE: "Delete"}
EXPLANATIONS = {
    QuarantineWork.REPLAY: (
        "Each event is checked against the running plan again, with its own time. What keeps to it now is stored as if "
        "it came with its key again; a copy that is stored already makes it a duplicate. The others stay here.",
    ),
    QuarantineWork.DELETE: (
        "The events are removed for good. The numbers of rejected events in the ledger and in the list of rejections "
        "stay.",
    ),
}

Selections = Sequence[quarantine_jobs.Selection]


class QuarantineActions(ReadOnlyModelAdmin):
    """The permissions, the page that asks, and the jobs."""

    def has_replay_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return bool(request.user.has_perm("telemetry.change_quarantinedevent"))

    def has_remove_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return bool(request.user.has_perm("telemetry.delete_quarantinedevent"))

    def ask_or_do(
        self,
        request: HttpRequest,
        *,
        work: QuarantineWork,
        selections: Selections,
        hidden: Sequence[tuple[str, str]] = (),
    ) -> HttpResponse:
        """The page that asks; when it comes back confirmed, a job for each selection, and the way to them."""
        if request.method == "POST" and request.POST.get("confirmed") == "yes":
            jobs = [make_job(request, work=work, selection=selection) for selection in selections]
            messages.success(request, f"{VERBS[work]}: it has begun.")
            return HttpResponseRedirect(url_of_jobs(jobs))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{VERBS[work]} quarantined events",
            "paragraphs": EXPLANATIONS[work],
            "facts": facts_of(work, selections),
            "hidden": [*hidden, ("confirmed", "yes")],
            "verb": VERBS[work],
            "is_danger": work is QuarantineWork.DELETE,
            "back_url": request.get_full_path().removesuffix("replay/").removesuffix("remove/"),
        }
        return TemplateResponse(request, "telemetry/confirm.html", context)


def make_job(
    request: HttpRequest, *, work: QuarantineWork, selection: quarantine_jobs.Selection
) -> QuarantineJob:
    return quarantine_jobs.request_job(
        work=work, selection=selection, requested_by=request.user.get_username(), now=timezone.now()
    )


def url_of_jobs(jobs: Sequence[QuarantineJob]) -> str:
    if len(jobs) == 1:
        return reverse("admin:telemetry_quarantinejob_change", args=[jobs[0].pk])
    return reverse(JOBS)


def chosen_hidden(request: HttpRequest) -> list[tuple[str, str]]:
    """The fields of a list's action, for the page that asks to send them again."""
    names = ("action", "_selected_action", "select_across")
    return [(name, value) for name in names for value in request.POST.getlist(name)]


def facts_of(work: QuarantineWork, selections: Selections) -> list[tuple[str, str]]:
    counts = [bounded_count(selection) for selection in selections]
    facts = [(in_words(selection), count) for selection, count in zip(selections, counts, strict=True)]
    if work is QuarantineWork.REPLAY and len(selections) == 1:
        found = quarantine_jobs.preview(selections[0], now=timezone.now(), most=PREVIEWED)
        if counts[0].endswith("+"):
            facts.append(("Tried out", f"the first {PREVIEWED:,}"))
        facts += [
            ("Would be accepted", f"{found.accepted:,}"),
            ("Would be duplicates", f"{found.duplicates:,}"),
            ("Would be rejected again", f"{found.rejected:,}"),
            ("Can't be replayed: a value was not kept", f"{found.not_kept:,}"),
        ]
    return facts


def bounded_count(selection: quarantine_jobs.Selection) -> str:
    rows = quarantine_jobs.selected(selection).values("pk")[: PREVIEWED + 1].count()
    return f"{PREVIEWED:,}+" if rows > PREVIEWED else f"{rows:,}"


def in_words(selection: quarantine_jobs.Selection) -> str:
    """What a selection has: `Events of code bad_id, source web`."""
    if "ids" in selection:
        return "Selected events"
    parts = ", ".join(f"{name} {value or 'none'}" for name, value in selection.items())
    return f"Events of {parts}" if parts else "All events"


def group_selection(group: Any) -> Mapping[str, Any]:
    return {name: getattr(group, name) for name in ("environment", "code", "event", "source", "client")}


def why_not_replayable(row: QuarantinedEvent) -> str:
    """Why a replay would leave the row alone; empty where it would not."""
    if row.replayed_at is not None:
        return f"It was replayed: {row.outcome}."
    return "" if row.is_whole else "It can't be replayed: its value was not kept."
