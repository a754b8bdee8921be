"""Drafts: how they are made, edited, accepted or rejected, and tried out."""

from datetime import datetime, timedelta

from kpis.demo.chat import TEMPLATES, talk
from kpis.demo.day import Day
from kpis.demo.runs import WORKFLOWS, FailedRun, run_workflow

INTENTS = ("add_step", "rename", "change_condition", "add_approval", "fix_error")


def make_draft(day: Day, *, session: str, user: int, now: datetime) -> datetime:
    """A draft until it is accepted, rejected or abandoned; returns the moment of that."""
    draft = day.identifier("d")
    source = day.random.choices(("chat", "template", "blank"), weights=(58, 12, 30))[0]
    # An older client creates drafts without an id.
    is_named = day.chance(0.93)
    template = day.random.choice(TEMPLATES) if source == "template" else None
    nodes = day.random.randint(2, 6)
    now += day.seconds(median=20, spread=0.5)
    # A few are opened from a link: nothing reports their creation, so their time cannot be measured.
    if day.chance(0.98):
        day.add("workbench.draft_created", session=session, at=now, source=source, nodeCount=nodes,
                draftId=draft if is_named else None, templateId=template)  # fmt: skip
    takes = day.seconds(median=day.by_growth(start=1500, end=610), spread=0.55)
    nodes = edit_draft(day, session=session, draft=draft, start=now, takes=takes, nodes=nodes)
    talk(day, session=session, now=now, messages=day.random.randint(1, 4), draft=draft)
    now += takes
    end = day.random.choices(("accepted", "rejected", None), weights=(76, 12, 12))[0]
    if end:
        day.add(f"workbench.draft_{end}", session=session, at=now, draftId=draft,
                source=source if day.chance(0.5) else None,
                nodeCount=nodes if end == "accepted" else None)  # fmt: skip
    if end == "accepted":
        run_draft(day, session=session, draft=draft, user=user, now=now)
    return now


def edit_draft(day: Day, *, session: str, draft: str, start: datetime, takes: timedelta, nodes: int) -> int:
    """The edits between a draft's creation and its end; returns how many nodes it has then."""
    if day.chance(day.by_growth(start=0.24, end=0.34)):
        at = start + takes * day.random.uniform(0.05, 0.6)
        template = day.random.choice(TEMPLATES)
        day.add("workbench.template_inserted", session=session, at=at, templateId=template, draftId=draft)
        day.add("workbench.draft_edited", session=session, at=at, draftId=draft, editType="template_insert")
    for share in sorted(day.random.uniform(0.1, 0.95) for _ in range(day.random.randint(0, 4))):
        nodes += day.random.randint(0, 2)
        edit_type = day.random.choice(("chat", "canvas"))
        intent = day.random.choice(INTENTS) if edit_type == "chat" else None
        day.add("workbench.draft_edited", session=session, at=start + takes * share, draftId=draft,
                editType=edit_type, nodeCount=nodes, intent=intent)  # fmt: skip
    return nodes


def run_draft(day: Day, *, session: str, draft: str, user: int, now: datetime) -> None:
    """Most accepted drafts are run at once, some twice: then the second run may be a retry of the first."""
    workflow = WORKFLOWS[(user + day.random.randint(0, 2)) % len(WORKFLOWS)]
    failed: FailedRun | None = None
    for _ in range(day.random.choices((0, 1, 2), weights=(25, 60, 15))[0]):
        now += day.seconds(median=90, spread=0.7)
        retry_of = failed.run if failed and failed.at < now else None
        failed = run_workflow(
            day, workflow, session=session, draft=draft, trigger="user", now=now, retry_of=retry_of
        )
