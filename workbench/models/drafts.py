"""Drafts and the events that make them."""

from django.db import models
from django.db.models import Q


class Draft(models.Model):
    """A draft: one (environment, draftId). It counts in the bucket of `accepted_at`, once."""

    environment = models.CharField(max_length=64)
    draft_id = models.CharField(max_length=128)
    created_at = models.DateTimeField(null=True, help_text="Its earliest draft_created")
    accepted_at = models.DateTimeField(null=True, help_text="Its earliest draft_accepted")
    # Session of the earliest acceptance (the smallest id where several share the moment).
    accepted_session_id = models.CharField(max_length=128, db_default="")
    rejected_at = models.DateTimeField(null=True)
    edited_at = models.DateTimeField(null=True, help_text="Its latest draft_edited")
    template_inserted_at = models.DateTimeField(null=True, help_text="Its earliest template_inserted")
    # One of its draft_created or draft_accepted events has source = template.
    has_template_source = models.BooleanField(db_default=False)
    source = models.CharField(max_length=32, db_default="", help_text="source of its creation")
    # The creation without draftId that it was paired with; recomputed for the whole session.
    paired_created_at = models.DateTimeField(null=True)
    paired_source = models.CharField(max_length=32, db_default="")
    # accepted_at and accepted_session_id before the last merge: it may have left that bucket and that session.
    prior_accepted_at = models.DateTimeField(null=True, editable=False)
    prior_accepted_session_id = models.CharField(max_length=128, db_default="", editable=False)
    observed_in = models.BigIntegerField(db_default=0, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="draft_unique", fields=["draft_id", "environment"]),
        ]
        indexes = [
            # The rollup reads the drafts of a bucket.
            models.Index(name="draft_accepted", fields=["accepted_at", "environment"]),
            # The pairing reads the acceptances of a session.
            models.Index(
                name="draft_accepted_session",
                fields=["accepted_session_id", "environment"],
                condition=~Q(accepted_session_id=""),
            ),
        ]

    def __str__(self) -> str:
        return f"draft {self.draft_id}"


class DraftCreation(models.Model):
    """A `draft_created` without draftId: it waits for an acceptance of its session (see fold/pairs/pairing.py)."""

    event_key = models.UUIDField(primary_key=True)
    environment = models.CharField(max_length=64)
    session_id = models.CharField(max_length=128)
    created_at = models.DateTimeField()
    source = models.CharField(max_length=32)

    class Meta:
        indexes = [
            models.Index(name="draft_creation_session", fields=["session_id", "environment"]),
        ]

    def __str__(self) -> str:
        return f"draft without id in session {self.session_id}"
