"""An HTTP server that each message is posted to."""

import base64
import hashlib
import hmac
import http.client
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress

from lepton_edge_runtime.errors import SinkError, SinkRefusedError
from lepton_edge_runtime.urls import Url

SIGNATURE_HEADER = "X-Lepton-Signature"
"""``t=SECONDS,v1=HEX``: HMAC-SHA256 over ``SECONDS.BODY``."""

# It has read the message and will not have it; another of the same will fare no better. All else may pass.
_NEVER = frozenset({400, 405, 406, 410, 411, 413, 414, 415, 422})
_ANSWER_BYTES_MAX = 1 << 16


class WebhookSink:
    """Posts each message as ``application/json``; any answer of 200 to 299 takes it over.

    No redirect is followed: a message goes to the one address that was named.

    Args:
        url: ``http://`` or ``https://``, with user and password if it wants them; errors name the host alone.
        secret: Signs each message, so that the receiver knows who sent it and when.
        headers: Sent along, such as ``Authorization``.
        timeout_seconds: Longest from connecting to the end of the answer.

    Raises:
        SinkError: No such address, or headers that are none.
    """

    def __init__(
        self,
        url: Url,
        *,
        secret: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 10.0,
    ) -> None:
        if url.scheme not in ("http", "https") or not url.host:
            raise SinkError(f"a webhook is an address of http:// or https://, not {url}")
        if not url.target.isascii() or any(letter <= " " for letter in url.target):
            raise SinkError(f"the path of {_place(url)} has letters that no address has; write them as %XX")
        self._url = url
        self._secret = secret
        self._headers = {"Content-Type": "application/json", "User-Agent": "lepton-edge", **(headers or {})}
        if any(letter < " " for name, value in self._headers.items() for letter in name + value):
            raise SinkError(f"a header for {_place(url)} has a line break in it")
        user, password = url.credentials
        if user and "Authorization" not in self._headers:
            token = base64.b64encode(f"{user}:{password}".encode()).decode()
            self._headers["Authorization"] = f"Basic {token}"
        self._timeout = timeout_seconds

    def send(self, message: bytes) -> None:
        """Post a message."""
        headers = dict(self._headers)
        if self._secret is not None:
            headers[SIGNATURE_HEADER] = sign(self._secret, message, int(time.time()))
        try:
            status = self._post(message, headers)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            raise SinkError(f"{_place(self._url)} does not answer: {type(problem).__name__}") from problem
        if status in _NEVER:
            raise SinkRefusedError(f"{_place(self._url)} refused the message with status {status}")
        if not 200 <= status < 300:
            raise SinkError(f"{_place(self._url)} answered with status {status}")

    def check(self) -> None:
        """Each message has a connection of its own."""

    def close(self) -> None:
        """Hold nothing: each message has a connection of its own."""

    def _post(self, message: bytes, headers: Mapping[str, str]) -> int:
        secure = self._url.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(self._url.host, self._url.port, timeout=self._timeout)
        # A socket's own time-out begins anew with each byte that a server lets drip.
        deadline = threading.Timer(self._timeout, _cut, [connection])
        deadline.daemon = True
        deadline.start()
        try:
            connection.request("POST", self._url.target, body=message, headers=dict(headers))
            answer = connection.getresponse()
            answer.read(_ANSWER_BYTES_MAX)
            return answer.status
        finally:
            deadline.cancel()
            connection.close()


def _cut(connection: http.client.HTTPConnection) -> None:
    """End what goes on over a connection."""
    with suppress(OSError, AttributeError):  # it is closed, or not open yet
        connection.sock.shutdown(socket.SHUT_RDWR)


def _place(url: Url) -> str:
    """Return an address without its path, which of some receivers is the secret."""
    return f"{url.scheme}://{url.host}"


def sign(secret: bytes, message: bytes, seconds: int) -> str:
    """Return what ``SIGNATURE_HEADER`` says of a message.

    Args:
        secret: Shared with the receiver.
        message: The body.
        seconds: Since 1970, when it is sent.
    """
    digest = hmac.new(secret, str(seconds).encode() + b"." + message, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def is_signed(
    secret: bytes, message: bytes, header: str, *, now: float | None = None, within_seconds: int = 300
) -> bool:
    """Return whether a message is signed with the secret, a short time ago: for receivers.

    Args:
        secret: Shared with the sender.
        message: The body, as it came.
        header: Of the request, ``SIGNATURE_HEADER``.
        now: Seconds since 1970; this moment if not given.
        within_seconds: How old it may be; older ones may have been recorded and sent again.
    """
    told = dict(part.partition("=")[::2] for part in header.split(","))
    if not told.get("t", "").isdecimal() or len(told["t"]) > 12:
        return False
    seconds = int(told["t"])
    fresh = abs((time.time() if now is None else now) - seconds) <= within_seconds
    return hmac.compare_digest(sign(secret, message, seconds).encode(), header.encode()) and fresh
