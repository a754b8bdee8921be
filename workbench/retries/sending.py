"""One attempt: a POST to one address, with an end to everything. It follows no redirect and uses no proxy.

http.client has the protocol. It is given a socket that is connected already, so that it looks nothing up.
"""

import http.client
import io
import re
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import msgspec

from telemetry.plan.definitions import MAX_ID_LENGTH
from telemetry.plan.values import find_id_fault
from workbench.retries.addresses import (
    Endpoint,
    ForbiddenAddress,
    NotFound,
    Receiver,
    find_endpoints,
)

# For the lookup, the connection, TLS, the post and the answer together.
DEADLINE_SECONDS = 10.0
# Of the answer, its head included.
MOST_READ = 64 * 1024
LONGEST_WAIT = timedelta(days=1)


class NotDelivered(Exception):
    """No answer came. Its text names the fault, and not the address. `is_final`: another attempt would not help."""

    def __init__(self, fault: str, *, is_final: bool = False) -> None:
        super().__init__(fault)
        self.is_final = is_final


@dataclass(frozen=True, kw_only=True)
class ReceiverAnswer:
    """What the receiver answered. `run_id` is empty where it names none, `retry_after` None where it says nothing."""

    status: int
    run_id: str = ""
    retry_after: timedelta | None = None


class AnswerBody(msgspec.Struct):
    """What is read of the body of an answer; other fields are left alone."""

    runId: str = ""


def send(
    receiver: Receiver,
    *,
    body: bytes,
    headers: Mapping[str, str],
    now: datetime,
    seconds: float = DEADLINE_SECONDS,
) -> ReceiverAnswer:
    """Post the body, and give the answer within so many seconds. Raises NotDelivered."""
    deadline = Deadline(time.monotonic() + seconds)
    try:
        endpoints = find_endpoints(receiver, seconds=deadline.left())
        with closing(connect(receiver, endpoints, deadline=deadline)) as connected:
            return exchange(receiver, connected, body=body, headers=headers, deadline=deadline, now=now)
    except ForbiddenAddress as error:
        raise NotDelivered(f"Forbidden address: {error}", is_final=True) from error
    except NotFound as error:
        raise NotDelivered(str(error)) from error
    except TimeoutError as error:
        raise NotDelivered("No answer in time") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotDelivered(f"No answer: {type(error).__name__}") from error


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of the monotonic clock."""

    moment: float

    def left(self) -> float:
        """Seconds until then. Raises TimeoutError."""
        seconds = self.moment - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


def connect(receiver: Receiver, endpoints: Sequence[Endpoint], *, deadline: Deadline) -> socket.socket:
    """A connection to the first of the addresses that takes one, with TLS for https. Raises OSError."""
    fault: OSError | None = None
    for number, endpoint in enumerate(endpoints):
        # One that drops packets leaves time for the others.
        seconds = deadline.left() / (len(endpoints) - number)
        try:
            connected = connect_to(endpoint, seconds=seconds)
            return (
                with_tls(connected, receiver=receiver, deadline=deadline) if receiver.is_https else connected
            )
        except OSError as error:
            fault = error
    raise fault or OSError("there is no address")


def connect_to(endpoint: Endpoint, *, seconds: float) -> socket.socket:
    family, place = endpoint
    connected = socket.socket(family, socket.SOCK_STREAM)
    try:
        connected.settimeout(seconds)
        connected.connect(place)
    except (OSError, ValueError):
        connected.close()
        raise
    return connected


def with_tls(connected: socket.socket, *, receiver: Receiver, deadline: Deadline) -> ssl.SSLSocket:
    """TLS to the name of the URL, whose certificate is checked. Closes the connection where that fails."""
    try:
        connected.settimeout(deadline.left())
        return ssl.create_default_context().wrap_socket(connected, server_hostname=receiver.host)
    except (OSError, ValueError):
        connected.close()
        raise


def exchange(
    receiver: Receiver,
    connected: socket.socket,
    *,
    body: bytes,
    headers: Mapping[str, str],
    deadline: Deadline,
    now: datetime,
) -> ReceiverAnswer:
    client = http.client.HTTPConnection(receiver.host, receiver.port)
    # Names its own port in Host where it is not the scheme's.
    client.default_port = 443 if receiver.is_https else 80
    client.sock = BoundedSocket(connected, deadline=deadline)
    client.request("POST", receiver.path, body=body, headers={**headers, "Connection": "close"})
    response = client.getresponse()
    return ReceiverAnswer(
        status=response.status,
        run_id=run_id_in(response) if 200 <= response.status < 300 else "",
        retry_after=wait_of(response.headers.get("Retry-After", ""), now=now),
    )


def run_id_in(response: http.client.HTTPResponse) -> str:
    """The run that the receiver started; "" where the body names none. The answer counts all the same."""
    try:
        run_id = msgspec.json.decode(response.read(MOST_READ), type=AnswerBody).runId
    except (OSError, http.client.HTTPException, ValueError, RecursionError):
        return ""
    return "" if find_id_fault(run_id, max_length=MAX_ID_LENGTH) else run_id


def wait_of(header: str, *, now: datetime) -> timedelta | None:
    """How long the header Retry-After asks to wait, in seconds or until a date; None where it can't be read."""
    if re.fullmatch(r"[0-9]{1,9}", header.strip()):
        return min(timedelta(seconds=int(header)), LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    # A date without a zone is one of UTC, as all dates of HTTP are.
    wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    return min(max(wait, timedelta(0)), LONGEST_WAIT)


class BoundedSocket:
    """What http.client asks of a socket. Every wait ends at the deadline, and what is read ends at MOST_READ."""

    def __init__(self, connected: socket.socket, *, deadline: Deadline) -> None:
        self.connected = connected
        self.deadline = deadline

    def sendall(self, data: bytes) -> None:
        self.connected.settimeout(self.deadline.left())
        self.connected.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(BoundedReader(self.connected, deadline=self.deadline))

    def close(self) -> None:
        """http.client closes it while the body is still to be read. Whoever connected it closes it."""


class BoundedReader(io.RawIOBase):
    def __init__(self, connected: socket.socket, *, deadline: Deadline) -> None:
        self.connected = connected
        self.deadline = deadline
        self.left = MOST_READ

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # The stub's buffer has no length.
        """Past the limit it is as if the receiver had hung up."""
        if not self.left:
            return 0
        self.connected.settimeout(self.deadline.left())
        count = self.connected.recv_into(buffer, min(len(buffer), self.left))
        self.left -= count
        return count
