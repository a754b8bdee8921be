"""The two ways out: mail to NOTICE_EMAILS, and a post to SLACK_WEBHOOK_URL. Each either works or raises NotSent."""

import http.client
import json
import smtplib
from collections.abc import Sequence
from typing import Any
from urllib.request import HTTPRedirectHandler, Request, build_opener

from django.conf import settings
from django.core.mail import EmailMessage

from telemetry.models import Notice

TIMEOUT_SECONDS = 5
SUBJECT_PREFIX = "[Workbench analytics]"
# Slack's own limit is 40,000 characters; nobody reads so many.
MAX_NOTICES_SHOWN = 20
# Names of events and clients come from outside: none becomes bold, a link, a preview of a page, or a mention.
AS_PLAIN_TEXT = {
    "mrkdwn": False,
    "parse": "none",
    "link_names": False,
    "unfurl_links": False,
    "unfurl_media": False,
}
# Stands behind each @ and is not seen. Other chats that take Slack's posts make mentions of `@all` and `@channel`.
ZERO_WIDTH_SPACE = "\u200b"


class NotSent(Exception):
    """A message that did not go out. Its text names the fault, and neither the address nor the message."""


class NoRedirects(HTTPRedirectHandler):
    """A webhook answers itself. Where it sends us on, the address is wrong, or somebody wants it to be."""

    def redirect_request(self, *arguments: Any, **options: Any) -> None:
        return None


def send_mail(notices: Sequence[Notice]) -> None:
    """Send one mail about the notices to NOTICE_EMAILS. Raises NotSent."""
    numbers = [notice.pk for notice in notices]
    message = EmailMessage(
        subject=f"{SUBJECT_PREFIX} {subject_of(notices)}",
        body=plain_text(notices),
        to=settings.NOTICE_EMAILS,
        headers={
            # The same for the same notices: a mail that is sent again after a crash is shown once.
            "Message-ID": f"<notices-{numbers[0]}-{numbers[-1]}-{len(numbers)}@workbench-analytics>",
            "Auto-Submitted": "auto-generated",
        },
    )
    try:
        message.send()
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise NotSent(f"mail: {type(error).__name__}") from error


def post_to_chat(notices: Sequence[Notice]) -> None:
    """Post one message about the notices to SLACK_WEBHOOK_URL. Raises NotSent."""
    body = json.dumps({"text": escape(plain_text(notices)), **AS_PLAIN_TEXT}).encode()
    headers = {"Content-Type": "application/json; charset=utf-8"}
    # The setting's check allows https, and http on this machine (config.env.webhook).
    request = Request(settings.SLACK_WEBHOOK_URL, data=body, headers=headers)  # noqa: S310
    try:
        with build_opener(NoRedirects).open(request, timeout=TIMEOUT_SECONDS):
            pass
    except (OSError, http.client.HTTPException, ValueError) as error:
        status = getattr(error, "code", "")
        raise NotSent(f"chat: {type(error).__name__} {status}".strip()) from error


def subject_of(notices: Sequence[Notice]) -> str:
    first = headline(notices[0])
    return first if len(notices) == 1 else f"{first}, and {len(notices) - 1} more"


def headline(notice: Notice) -> str:
    """How much it matters, as Alertmanager's messages say it. What is over needs nobody."""
    return notice.title if notice.ends_id else f"{notice.severity.upper()}: {notice.title}"


def plain_text(notices: Sequence[Notice]) -> str:
    parts = [f"{headline(notice)}\n{notice.text}" for notice in notices[:MAX_NOTICES_SHOWN]]
    if len(notices) > MAX_NOTICES_SHOWN:
        parts.append(f"There are {len(notices) - MAX_NOTICES_SHOWN} more: see Notices in the portal's admin.")
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Slack's own escapes (https://api.slack.com/reference/surfaces/formatting#escaping): no name becomes a link.

    Nor a mention.
    """
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("@", f"@{ZERO_WIDTH_SPACE}")
