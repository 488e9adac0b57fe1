"""Why a server gave no stream: OpenCV only says that it did not, so the server is asked once more, plainly."""

import socket

from lepton_edge_runtime.errors import (
    SourceAuthError,
    SourceError,
    SourceFormatError,
    SourceNotFoundError,
    SourceTimeoutError,
)
from lepton_edge_runtime.urls import Url

_LONGEST_LINE_BYTES = 4096
_REQUESTS = {
    "rtsp": "DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n",
    "http": "GET {target} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n",
}


def diagnose(url: Url, seconds: float) -> SourceError:
    """Return the error that says what is wrong at ``url``, found within about ``seconds``.

    The question goes without the address's user and password: a server that wants them encrypted would otherwise
    be sent them plainly.
    """
    try:
        connection = socket.create_connection((url.host, url.port), timeout=seconds)
    except TimeoutError:
        return SourceTimeoutError(f"{url} does not answer: no connection within {seconds:.1f} s")
    except (OSError, UnicodeError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        return SourceNotFoundError(f"nothing listens at {url}: {reason}")
    with connection:
        if url.scheme not in _REQUESTS:
            return SourceError(f"{url} is there, and cannot be opened: check its path, user, password and certificate")
        try:
            status = _ask(connection, url)
        except TimeoutError:
            return SourceTimeoutError(f"{url} takes a connection, and does not answer within {seconds:.1f} s")
        except OSError:
            return SourceError(f"{url} takes a connection, and breaks it off when it is asked for the stream")
    return _judge(url, status)


def _ask(connection: socket.socket, url: Url) -> int:
    """Return the status of the server's answer, 0 where that is not to be made out."""
    plain = f"{url.scheme}://{_host(url)}:{url.port}{url.target}"
    request = _REQUESTS[url.scheme].format(url=plain, target=url.target, host=_host(url), port=url.port)
    connection.sendall(request.encode())
    with connection.makefile("rb") as answer:
        words = answer.readline(_LONGEST_LINE_BYTES).split(maxsplit=2)
    speaks = len(words) > 1 and words[0].startswith(url.scheme.upper().encode() + b"/") and words[1].isdigit()
    return int(words[1]) if speaks else 0


def _host(url: Url) -> str:
    return f"[{url.host}]" if ":" in url.host else url.host


def _judge(url: Url, status: int) -> SourceError:
    if status in {401, 403}:
        if url.has_credentials:
            return SourceAuthError(
                f"{url} did not take the user and password of its address, or has no such stream ({status})"
            )
        return SourceAuthError(f"{url} wants a user and password ({status}): {url.scheme}://USER:PASSWORD@…")
    if status in {404, 410}:
        return SourceNotFoundError(f"the server answers, and has no stream {url} ({status}); check the path")
    if status == 200:
        return SourceFormatError(f"{url} answers, and gives nothing that OpenCV can decode as a video")
    if status:
        return SourceError(f"{url} answers with status {status} instead of a stream")
    return SourceFormatError(f"what listens at {url} does not answer as {url.scheme.upper()} does; check the port")
