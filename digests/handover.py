"""Hands a message over to a mail server or a chat, and says which of three things came of it.

It was taken (nothing is raised), it surely was not (NotHandedOver), or nobody knows (PerhapsHandedOver): the connection
broke after the message may have been on its way. `begin` is called when the other side listens, and before it is told
anything of the message.
"""

import http.client
import json
import smtplib
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

from django.core import mail
from django.core.mail import EmailMultiAlternatives

from workbench.retries.addresses import ForbiddenAddress, NotFound, Receiver, find_endpoints
from workbench.retries.sending import DEADLINE_SECONDS, Deadline, ReceiverAnswer, connect, exchange

Begin = Callable[[], None]
# Answers that say that the message was not taken. One from 500 on would be refused for good.
REFUSALS = (smtplib.SMTPRecipientsRefused, smtplib.SMTPResponseException)
# Chats that are asked too much, and gateways before one that is away.
TRY_LATER = {429, 503}
HEADERS = {"Content-Type": "application/json; charset=utf-8"}


class NotHandedOver(Exception):
    """The message did not leave. `is_final`: another attempt would not help; `wait` is what the other side asks for.

    Its text names the fault, and neither an address nor the message.
    """

    def __init__(self, fault: str, *, is_final: bool = False, wait: timedelta | None = None) -> None:
        super().__init__(fault)
        self.is_final = is_final
        self.wait = wait


class PerhapsHandedOver(Exception):
    """The message may have been taken. Its text names the fault."""


def hand_over_mail(message: EmailMultiAlternatives, *, begin: Begin) -> None:
    """Raises NotHandedOver, PerhapsHandedOver, and whatever `begin` raises."""
    try:
        # What no server would be sent: a line break in an address.
        message.message()
        connection = mail.get_connection()
        connection.open()
    except ValueError as error:
        raise NotHandedOver(f"mail: {type(error).__name__}", is_final=True) from error
    except (OSError, smtplib.SMTPException) as error:
        raise NotHandedOver(f"mail: {type(error).__name__}") from error
    try:
        begin()
        message.connection = connection
        message.send()
    except REFUSALS as error:
        raise NotHandedOver(f"mail: {type(error).__name__}", is_final=is_refused_for_good(error)) from error
    except (OSError, smtplib.SMTPException) as error:
        raise PerhapsHandedOver(f"mail: {type(error).__name__}") from error
    finally:
        connection.close()


def is_refused_for_good(error: smtplib.SMTPException) -> bool:
    """Whether the answer is one of those from 500 on (RFC 5321, 4.2.1)."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    return isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= 500


def hand_over_chat(message: dict[str, Any], *, receiver: Receiver, begin: Begin, now: datetime) -> None:
    """Raises NotHandedOver, PerhapsHandedOver, and whatever `begin` raises."""
    deadline = Deadline(time.monotonic() + DEADLINE_SECONDS)
    try:
        endpoints = find_endpoints(receiver, seconds=deadline.left())
        connected = connect(receiver, endpoints, deadline=deadline)
    except ForbiddenAddress as error:
        raise NotHandedOver(f"Forbidden address: {error}", is_final=True) from error
    except (NotFound, OSError, ValueError) as error:
        raise NotHandedOver(f"chat: {type(error).__name__}") from error
    with closing(connected):
        begin()
        try:
            answer = exchange(
                receiver,
                connected,
                body=json.dumps(message).encode(),
                headers=HEADERS,
                deadline=deadline,
                now=now,
            )
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise PerhapsHandedOver(f"chat: {type(error).__name__}") from error
    judge_answer(answer)


def judge_answer(answer: ReceiverAnswer) -> None:
    """2xx is taken. 429 and 503 are tried again, other 3xx and 4xx are final. A failed server may have taken it."""
    if 200 <= answer.status < 300:
        return
    fault = f"chat: {answer.status}"
    if answer.status in TRY_LATER:
        raise NotHandedOver(fault, wait=answer.retry_after)
    if answer.status >= 500:
        raise PerhapsHandedOver(fault)
    raise NotHandedOver(fault, is_final=True)
