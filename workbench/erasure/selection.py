"""Which events are the subject's, and which things these are about."""

from collections.abc import Collection, Iterable
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from telemetry.lifecycle.erasure import add_things
from telemetry.models import Erasure, ErasureThing, SubjectKind
from telemetry.plan import get_plan
from workbench.dialect import current
from workbench.fold.event_names import STAGED_EVENTS, sql_list
from workbench.models import AgentRun, LinkKind, SessionLink, WorkflowRun

# What an erasure notes, besides the kinds of links: sessions that go whole, sessions of which a part goes, sessions
# to pair again, ids of approvals, and those below.
WHOLE = SubjectKind.SESSION.value
PART = "part"
PAIR = "pair"
APPROVAL = "approval"
# Agent runs and workflow runs whose model calls are to be looked at again.
CALLER = "caller"
CALLED_IN = "called_in"
# Names that take the place of erased ids. No client makes them.
GONE = "gone_"

THINGS = ErasureThing._meta.db_table
LINKS = SessionLink._meta.db_table
SqlCondition = tuple[str, list[Any]]


def subject_condition(erasure: Erasure) -> SqlCondition:
    """The subject's raw events: all of its whole sessions, and all that name it.

    An event of a session that several users share is a user's only if it names that user.
    """
    dialect = current()
    name = erasure.working_id
    match erasure.kind:
        case SubjectKind.DRAFT:
            return f"{dialect.text('draftId')} = %s", [name]
        case SubjectKind.RUN:
            return f"{dialect.text('runId')} = %s", [name]
        case SubjectKind.SESSION:
            return "session_id = %s", [name]
    persons = sorted(get_plan().pseudonymised)
    named = " OR ".join(f"{dialect.text(person)} = %s" for person in persons) or "false"
    return f"session_id IN ({_noted(WHOLE)}) OR {named}", [erasure.pk, *[name] * len(persons)]


def rest_condition(erasure: Erasure) -> SqlCondition:
    """The events that merges read of the things that the erasure removed and that others had a part in."""
    dialect = current()
    places = {
        PART: "session_id",
        LinkKind.DRAFT.value: dialect.text("draftId"),
        LinkKind.RUN.value: dialect.text("runId"),
        LinkKind.AGENT_RUN.value: dialect.text("agentRunId"),
    }
    named = " OR ".join(f"{expression} IN ({_noted(kind)})" for kind, expression in places.items())
    return f"event IN ({sql_list(STAGED_EVENTS)}) AND ({named})", [erasure.pk] * len(places)


def _noted(kind: str) -> str:
    # Index: erasure_thing_unique (erasure, kind, thing_id).
    return f"SELECT thing_id FROM {THINGS} WHERE erasure_id = %s AND kind = '{kind}'"


def choose_things(erasure: Erasure) -> None:
    """Note the subject's whole sessions, and the things that these, or the subject, were linked with.

    In the caller's transaction. Safe to repeat. More comes to light with the events themselves.
    """
    match erasure.kind:
        case SubjectKind.USER:
            _choose_sessions_of_user(erasure)
        case SubjectKind.SESSION:
            add_things(erasure, kind=WHOLE, ids=[erasure.working_id])
        case SubjectKind.DRAFT:
            _choose_draft(erasure)
        case SubjectKind.RUN:
            _choose_run(erasure)
    _choose_linked_things(erasure)


def _choose_sessions_of_user(erasure: Erasure) -> None:
    links = SessionLink.objects.filter(environment=erasure.environment_id)
    own = links.filter(kind=LinkKind.USER, thing_id=erasure.working_id)
    # Index: session_link_session (session_id, environment).
    others = links.filter(kind=LinkKind.USER, session_id=OuterRef("session_id")).exclude(
        thing_id=erasure.working_id
    )
    own = own.annotate(is_shared=Exists(others))
    add_things(erasure, kind=WHOLE, ids=own.filter(is_shared=False).values_list("session_id", flat=True))
    add_things(erasure, kind=PART, ids=own.filter(is_shared=True).values_list("session_id", flat=True))
    approved_in = links.filter(kind=LinkKind.APPROVER, thing_id=erasure.working_id)
    add_things(erasure, kind=LinkKind.APPROVER, ids=approved_in.values_list("session_id", flat=True))


def _choose_draft(erasure: Erasure) -> None:
    add_things(erasure, kind=LinkKind.DRAFT, ids=[erasure.working_id])
    links = SessionLink.objects.filter(environment=erasure.environment_id)
    sessions = links.filter(kind=LinkKind.DRAFT, thing_id=erasure.working_id).values("session_id")
    runs = links.filter(kind=LinkKind.RUN, session_id__in=sessions).values("thing_id")
    of_draft = WorkflowRun.objects.filter(
        environment=erasure.environment_id, run_id__in=runs, draft_id=erasure.working_id
    )
    add_things(erasure, kind=LinkKind.RUN, ids=of_draft.values_list("run_id", flat=True))


def _choose_run(erasure: Erasure) -> None:
    add_things(erasure, kind=LinkKind.RUN, ids=[erasure.working_id])
    # Index: agent_run_of_run (run_id, environment).
    agents = AgentRun.objects.filter(environment=erasure.environment_id, run_id=erasure.working_id)
    add_things(erasure, kind=LinkKind.AGENT_RUN, ids=agents.values_list("agent_run_id", flat=True))


def _choose_linked_things(erasure: Erasure) -> None:
    with connection.cursor() as cursor:
        # Indexes: erasure_thing_unique, session_link_session (session_id, environment).
        cursor.execute(
            f"""
INSERT INTO {THINGS} (erasure_id, kind, thing_id)
SELECT DISTINCT noted.erasure_id, link.kind, link.thing_id
FROM {THINGS} AS noted JOIN {LINKS} AS link ON link.session_id = noted.thing_id
WHERE noted.erasure_id = %s AND noted.kind = '{WHOLE}' AND link.environment = %s
  AND link.kind IN ('{LinkKind.DRAFT}', '{LinkKind.RUN}', '{LinkKind.AGENT_RUN}')
ON CONFLICT DO NOTHING""",
            [erasure.pk, erasure.environment_id],
        )


def noted_ids(erasure: Erasure, kind: str) -> set[str]:
    """All ids of a kind that the erasure noted."""
    return set(erasure.things.filter(kind=kind).values_list("thing_id", flat=True))


def noted_among(erasure: Erasure, kind: str, ids: Iterable[str]) -> set[str]:
    """Those of the ids that the erasure noted under this kind."""
    noted = erasure.things.filter(kind=kind, thing_id__in=set(ids))
    return set(noted.values_list("thing_id", flat=True))


def shared_ids(erasure: Erasure, kind: str, ids: Collection[str]) -> set[str]:
    """Those of the ids that a session names which does not go whole. The subject itself is never shared."""
    # Index: session_link_unique (thing_id, session_id, kind, environment). The sessions are asked for in a second
    # query: as an anti join PostgreSQL reads all that the erasure noted, again for each thousand of ids.
    links = SessionLink.objects.filter(environment=erasure.environment_id, kind=kind, thing_id__in=ids)
    named = list(links.values_list("thing_id", "session_id"))
    whole = noted_among(erasure, WHOLE, (session_id for _, session_id in named))
    shared = {thing_id for thing_id, session_id in named if session_id not in whole}
    return shared - ({erasure.working_id} if erasure.kind == kind else set())


def with_kept_facts(erasure: Erasure, kind: str, ids: Collection[str]) -> set[str]:
    """Those of the ids that are linked with what an erasure before kept without a name: raw events of it are gone."""
    links = SessionLink.objects.filter(environment=erasure.environment_id)
    if kind == PART:
        return set(
            links.filter(session_id__in=ids, thing_id__startswith=GONE).values_list("session_id", flat=True)
        )
    kept = links.filter(Q(kind=kind, thing_id__in=ids, session_id__startswith=GONE))
    return set(kept.values_list("thing_id", flat=True))
