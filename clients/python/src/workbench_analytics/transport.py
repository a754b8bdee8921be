"""One connection to the portal, kept open between posts."""

from __future__ import annotations

import codecs
import ssl
from datetime import datetime, timezone
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import urlsplit

from workbench_analytics.backoff import parse_retry_after
from workbench_analytics.version import __version__

INGEST_PATH = "/api/workbench/telemetry"
# An answer speaks of at most 2,500 events; this leaves a kilobyte and a half for each.
MAX_ANSWER_BYTES = 4 * 1024 * 1024

# What sockets and http.client load when they are first used is loaded here: in the child of a fork that came while
# another thread was loading it, it would never be found again ("unknown encoding: idna").
for name in ("ascii", "idna", "latin-1"):
    codecs.lookup(name)


class Unanswered(Exception):
    """The portal gave no answer that could be read: the events may or may not have been stored."""


class Answer(NamedTuple):
    status: int
    body: bytes
    # Seconds from its Retry-After header.
    retry_after: float | None


class Transport:
    """Posts bodies to the portal's ingest address. For one thread at a time."""

    def __init__(
        self, *, url: str, key: str, dry_run: bool, timeout: float, ssl_context: ssl.SSLContext | None
    ) -> None:
        """Raises ValueError for an address or a key that can't be one."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("The portal's url begins with http:// or https:// and names a host.")
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("The key is the text that create_key printed.")
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        path = parts.path.rstrip("/")
        path = path if path.endswith(INGEST_PATH) else path + INGEST_PATH
        self._target = f"{path}?dry_run=1" if dry_run else path
        self._timeout = timeout
        self._ssl_context = ssl_context
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "User-Agent": f"workbench-analytics-python/{__version__}",
        }
        self._connection: HTTPConnection | None = None
        self._inherited: list[HTTPConnection] = []

    def post(
        self, body: bytes, *, encoding: str = "", traceparent: str = "", within: float | None = None
    ) -> Answer:
        """The portal's answer. `within` seconds shortens the timeout of each socket operation.

        Raises Unanswered when there is none.
        """
        headers = dict(self._headers)
        if encoding:
            headers["Content-Encoding"] = encoding
        if traceparent:
            headers["traceparent"] = traceparent
        timeout = self._timeout if within is None else max(0.05, min(self._timeout, within))
        try:
            return self._post(self._open(timeout), body, headers)
        except (OSError, HTTPException, ValueError) as error:
            raise Unanswered(type(error).__name__) from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def forget(self) -> None:
        """Leave the connection to the process that this one was forked from."""
        if self._connection is not None:
            # Kept, because closing it may wait for a lock that a thread of the parent held when it was forked.
            self._inherited.append(self._connection)
        self._connection = None

    def _open(self, timeout: float) -> HTTPConnection:
        if self._connection is None:
            self._connection = self._connect()
        self._connection.timeout = timeout
        if self._connection.sock is not None:
            self._connection.sock.settimeout(timeout)
        return self._connection

    def _connect(self) -> HTTPConnection:
        if not self._secure:
            return HTTPConnection(self._host, self._port)
        return HTTPSConnection(self._host, self._port, context=self._ssl_context)

    def _post(self, connection: HTTPConnection, body: bytes, headers: dict[str, str]) -> Answer:
        was_open = connection.sock is not None
        try:
            return self._exchange(connection, body, headers)
        except ConnectionError:
            # A server may close a connection that was idle at any time, so that says nothing of the server.
            if not was_open:
                raise
        return self._exchange(connection, body, headers)

    def _exchange(self, connection: HTTPConnection, body: bytes, headers: dict[str, str]) -> Answer:
        try:
            connection.request("POST", self._target, body=body, headers=headers)
            return self._read_answer(connection)
        except BaseException:
            # Half of an exchange would be taken for the beginning of the next.
            connection.close()
            raise

    def _read_answer(self, connection: HTTPConnection) -> Answer:
        response = connection.getresponse()
        content = response.read(MAX_ANSWER_BYTES)
        # Reading to the end is also what makes the connection good for another post.
        if response.read(1):
            raise HTTPException("The answer is too long.")
        retry_after = parse_retry_after(response.getheader("Retry-After"), now=datetime.now(timezone.utc))
        return Answer(status=response.status, body=content, retry_after=retry_after)
