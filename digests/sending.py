"""Sends what waits, each digest once.

Before a message may leave, that is committed. A process that is killed before leaves a digest that is sent later; one
that is killed after leaves a digest that is never sent again, because it may have arrived. docs/digest.md has the
reasons.
"""

import logging
import time
from datetime import datetime, timedelta
from functools import partial

from digests.addresses import parse_webhook, unseal_webhook
from digests.handover import Begin, NotHandedOver, PerhapsHandedOver, hand_over_chat, hand_over_mail
from digests.letters.composing import Letter, letter_of, mail_of
from digests.models import DigestChannel, DigestSending, DigestState
from digests.queue import (
    LIFE,
    DigestOutcome,
    Overtaken,
    begin_handing_over,
    claim,
    end_cut_short,
    forget_old,
    open_due,
    settle,
)
from digests.subscriptions import may_get_digests
from people import mailing
from workbench.retries.addresses import BadUrl

logger = logging.getLogger(__name__)

# The rollup may be a little behind. A digest waits for it so long, then it says how far the figures go.
PATIENCE = timedelta(hours=1)
# In a turn. Without a broker the scheduler sends, and has other work.
TURN_SECONDS = 10.0
GIVEN_UP = "A day has passed: the next digest is due."
NOT_ALLOWED = "The person may not sign in or subscribe any more."
NOT_ACTIVE = "The person has unsubscribed."
NO_ENVIRONMENT = "No environment of the person's choice is open to them."
NO_MAIL_SERVER = "No mail server is set up (EMAIL_URL)."
NO_ADDRESS = "The account has no mail address."
NO_WEBHOOK = "The webhook's address can't be used any more: enter it again."


class NobodyToSendTo(Exception):
    """The digest goes to nobody. Its text says why."""


def send_due(*, now: datetime) -> int:
    """Enter what is due, send what waits for ten seconds, and forget what is old; returns how many attempts were made.

    Safe to repeat, and to run several times at once. Call it without a transaction: what is claimed has to be committed
    before anything is sent.
    """
    open_due(now=now)
    end_cut_short(now=now)
    began_at, attempts = time.monotonic(), 0
    while (passed := time.monotonic() - began_at) < TURN_SECONDS:
        if not send_next(now=now + timedelta(seconds=passed)):
            break
        attempts += 1
    forget_old(now=now)
    return attempts


def send_next(*, now: datetime) -> bool:
    """Make the next due attempt, if there is one; returns whether there was."""
    sending = claim(now=now)
    if sending is None:
        return False
    began_at = time.monotonic()
    try:
        outcome = attempt(sending, now=now)
    except Overtaken:
        # This process was so slow that another one took its place.
        return True
    settle(sending, outcome, now=now + timedelta(seconds=time.monotonic() - began_at))
    return True


def attempt(sending: DigestSending, *, now: datetime) -> DigestOutcome:
    """Hand the digest over, unless there is nobody to send it to or its figures are not computed. Raises Overtaken."""
    if now >= sending.created_at + LIFE:
        # Also what ends one that can't be written, whose attempts settle nothing.
        return DigestOutcome(state=DigestState.FAILED, fault=sending.fault or GIVEN_UP)
    begin = partial(begin_handing_over, sending)
    try:
        check_person(sending)
        letter = letter_of(sending, now=now)
        if not letter.digest.parts:
            raise NobodyToSendTo(NO_ENVIRONMENT)
        if not letter.digest.is_computed and now < sending.created_at + PATIENCE:
            return DigestOutcome(state=DigestState.PENDING, wait=timedelta(minutes=1))
        hand_over(sending, letter, begin=begin, now=now)
    except NobodyToSendTo as reason:
        return DigestOutcome(state=DigestState.FAILED, fault=str(reason))
    except NotHandedOver as fault:
        logger.warning("Digest %d was not sent: %s", sending.pk, fault)
        state = DigestState.FAILED if fault.is_final else DigestState.PENDING
        return DigestOutcome(state=state, fault=str(fault), wait=fault.wait)
    except PerhapsHandedOver as fault:
        logger.warning("Nobody knows whether digest %d arrived: %s", sending.pk, fault)
        return DigestOutcome(state=DigestState.UNSURE, fault=str(fault))
    return DigestOutcome(state=DigestState.SENT)


def check_person(sending: DigestSending) -> None:
    """Raises NobodyToSendTo."""
    subscription = sending.subscription
    if not may_get_digests(subscription.user):
        raise NobodyToSendTo(NOT_ALLOWED)
    if not subscription.is_active and not sending.is_asked_for:
        raise NobodyToSendTo(NOT_ACTIVE)


def hand_over(sending: DigestSending, letter: Letter, *, begin: Begin, now: datetime) -> None:
    """Raises what digests/handover.py raises, and NobodyToSendTo."""
    if sending.channel == DigestChannel.MAIL:
        if not mailing.is_configured():
            raise NobodyToSendTo(NO_MAIL_SERVER)
        if not sending.subscription.user.email:
            raise NobodyToSendTo(NO_ADDRESS)
        hand_over_mail(mail_of(sending, letter), begin=begin)
        return
    try:
        receiver = parse_webhook(unseal_webhook(sending.subscription.webhook))
    except BadUrl as error:
        raise NobodyToSendTo(NO_WEBHOOK) from error
    hand_over_chat(letter.chat(), receiver=receiver, begin=begin, now=now)
