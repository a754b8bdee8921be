"""Pairs accepted drafts with creations without id, for whole sessions: pairing.py on the stored rows.

It is no merge: an event of one draft can change which creation another draft of its session gets.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import starmap
from typing import NamedTuple

from workbench.buckets import Bucket, bucket_of
from workbench.dialect import ColumnType
from workbench.fold.batch import Batch
from workbench.fold.changes import DraftChange
from workbench.fold.event_names import DRAFT_CREATED
from workbench.fold.pairs import pairing
from workbench.fold.updates import adapt_moment, update_rows
from workbench.models import Draft, DraftCreation

MICROSECOND = timedelta(microseconds=1)


class AcceptedDraft(NamedTuple):
    """A stored draft that was accepted; `created_at` is its own creation, `paired_…` the one without id."""

    id: int
    draft_id: str
    session_id: str
    accepted_at: datetime
    created_at: datetime | None
    paired_created_at: datetime | None
    paired_source: str
    observed_in: int


@dataclass(frozen=True, slots=True)
class NewPair:
    """A draft that is now paired with another creation than before, or with none."""

    draft: AcceptedDraft
    created_at: datetime | None
    source: str

    @property
    def first_duration(self) -> int | None:
        """The draft's duration in microseconds, if no fold knew it before."""
        if self.created_at is None or self.draft.observed_in:
            return None
        return (self.draft.accepted_at - self.created_at) // MICROSECOND


@dataclass(frozen=True)
class PairedDrafts:
    """The buckets of the drafts whose creation changed, and the durations (microseconds) first known by it."""

    buckets: Set[Bucket]
    durations: Collection[int]


def pair_drafts(batch: Batch, *, drafts: Collection[DraftChange]) -> PairedDrafts:
    """Pairs acceptances with creations without id anew, in the sessions that the batch concerns.

    Those are the sessions of the batch's creations without id, and those in which a draft of the batch was
    accepted, before the merge or after it. Writes what changed.
    """
    session_ids = _sessions_of_creations(batch)
    for change in drafts:
        session_ids |= {change.session_id, change.prior_session_id}
    creations = _creations(batch, session_ids - {""})
    # A draft that was accepted in another session meanwhile gives its creation back.
    paired_in = {change.session_id for change in drafts if change.is_paired}
    return _pair(batch, creations, accepted=_accepted_drafts(batch, paired_in.union(creations) - {""}))


def pair_drafts_of(batch: Batch, session_ids: Collection[str]) -> PairedDrafts:
    """Pairs the drafts of these sessions anew, and writes what changed."""
    return _pair(batch, _creations(batch, session_ids), accepted=_accepted_drafts(batch, session_ids))


def _pair(
    batch: Batch,
    creations: Mapping[str, Sequence[pairing.Creation]],
    *,
    accepted: Mapping[str, Sequence[AcceptedDraft]],
) -> PairedDrafts:
    pairs = [
        pair
        for session_id, drafts_of_session in accepted.items()
        for pair in _new_pairs(drafts_of_session, creations=creations.get(session_id, []))
    ]
    _write_pairs(batch, pairs)
    return PairedDrafts(
        buckets={bucket_of(pair.draft.accepted_at) for pair in pairs},
        durations=[duration for pair in pairs if (duration := pair.first_duration) is not None],
    )


def _sessions_of_creations(batch: Batch) -> set[str]:
    rows = batch.rows(
        f"SELECT DISTINCT session_id FROM fold_batch WHERE event = '{DRAFT_CREATED}' AND draft_id IS NULL"
    )
    return {session_id for (session_id,) in rows}


def _new_pairs(
    drafts: Sequence[AcceptedDraft], *, creations: Sequence[pairing.Creation]
) -> Iterable[NewPair]:
    """The drafts of one session whose creation is not the stored one."""
    paired = pairing.pair_creations(
        acceptances=[
            pairing.Acceptance(accepted_at=draft.accepted_at, draft_id=draft.draft_id)
            for draft in drafts
            if draft.created_at is None
        ],
        creations=creations,
    )
    for draft in drafts:
        creation = paired.get(draft.draft_id)
        created_at, source = (creation.created_at, creation.source) if creation else (None, "")
        if (draft.paired_created_at, draft.paired_source) != (created_at, source):
            yield NewPair(draft, created_at=created_at, source=source)


def _write_pairs(batch: Batch, pairs: Iterable[NewPair]) -> None:
    rows = [
        (
            adapt_moment(pair.created_at),
            pair.source,
            pair.draft.observed_in if pair.first_duration is None else batch.number,
            pair.draft.id,
        )
        for pair in pairs
    ]
    columns: dict[str, ColumnType] = {
        "paired_created_at": "timestamptz",
        "paired_source": "text",
        "observed_in": "bigint",
    }
    update_rows(batch, Draft, key=("id", "bigint"), columns=columns, rows=rows)


def _creations(batch: Batch, session_ids: Collection[str]) -> Mapping[str, list[pairing.Creation]]:
    """Session to its creations without id."""
    # Index: draft_creation_session (session_id, environment).
    rows = DraftCreation.objects.filter(
        environment=batch.environment, session_id__in=batch.dialect.subquery(session_ids)
    )
    creations: defaultdict[str, list[pairing.Creation]] = defaultdict(list)
    for row in rows.values_list("session_id", "created_at", "event_key", "source"):
        creations[row[0]].append(pairing.Creation(*row[1:]))
    return creations


def _accepted_drafts(batch: Batch, session_ids: Collection[str]) -> Mapping[str, list[AcceptedDraft]]:
    """Session to the drafts accepted in it."""
    drafts: defaultdict[str, list[AcceptedDraft]] = defaultdict(list)
    if not session_ids:
        return drafts
    # Index: draft_accepted_session (accepted_session_id, environment); it leaves the empty ones out.
    rows = Draft.objects.exclude(accepted_session_id="").filter(
        environment=batch.environment, accepted_session_id__in=batch.dialect.subquery(session_ids)
    )
    columns = (
        "id",
        "draft_id",
        "accepted_session_id",
        "accepted_at",
        "created_at",
        "paired_created_at",
        "paired_source",
        "observed_in",
    )
    for draft in starmap(AcceptedDraft, rows.values_list(*columns)):
        drafts[draft.session_id].append(draft)
    return drafts
