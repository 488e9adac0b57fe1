"""Addresses on the network that keep their password to themselves."""

import re
from urllib.parse import SplitResult, unquote, urlsplit

_DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443, "mqtt": 1883, "mqtts": 8883}
# Some cameras take the password in the query, or in the path, such as /user=admin_password=x_channel=1.sdp.
_HIDDEN_KEYS = r"(?i)((?:pass[a-z]*|pwd|psw|token|key|secret|auth|sig[a-z]*)=)"
_HIDDEN_IN_PATH = re.compile(_HIDDEN_KEYS + r"(?:(?!_[a-z]+=)[^&;/#])*")
_HIDDEN_IN_QUERY = re.compile(_HIDDEN_KEYS + r"[^&;#]*")


class Url:
    """An address on the network. As text it hides user, password and tokens; ``reveal()`` is for who connects.

    A value that cannot change, and no dataclass: ``asdict`` and msgspec write those out field by field.

    Example:
        >>> print(Url("rtsp://admin:secret@10.0.0.7/stream1?token=abc"))
        rtsp://***@10.0.0.7/stream1?token=***
    """

    __slots__ = ("_text",)
    _text: str

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "_text", text)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an address cannot change; make another with Url(…) instead of setting {name}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Url) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> tuple[type["Url"], tuple[str]]:
        return Url, (self._text,)

    def __str__(self) -> str:
        scheme, mark, rest = self._text.partition("://")
        if not mark:
            return "***"  # no address, and who knows what stands in it
        # Up to the last "@": a password with "/" or "@" in it is no valid URL, and is hidden all the same.
        credentials, at, place = rest.rpartition("@")
        path, question, query = place.partition("?")
        hidden = _HIDDEN_IN_PATH.sub(r"\1***", path) + question + _HIDDEN_IN_QUERY.sub(r"\1***", query)
        return f"{scheme}://{'***' if credentials else ''}{at}{hidden}"

    def __repr__(self) -> str:
        return f"Url({str(self)!r})"

    @property
    def scheme(self) -> str:
        """What stands before ``://``, in small letters."""
        return self._text.partition("://")[0].lower()

    @property
    def has_credentials(self) -> bool:
        """Whether a user or password is in it."""
        return "@" in self._text

    @property
    def host(self) -> str:
        """The machine's name or number."""
        return self._split().hostname or ""

    @property
    def port(self) -> int:
        """The port given, or the usual one of the scheme."""
        try:
            port = self._split().port
        except ValueError:
            # urllib's words repeat what may be half of a password.
            raise ValueError(
                f"{self} has no port that is a number; in a password, write / as %2F, # as %23, @ as %40"
            ) from None
        return port or _DEFAULT_PORTS.get(self.scheme, 0)

    @property
    def target(self) -> str:
        """Path and query, as a request names them."""
        parts = self._split()
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    @property
    def credentials(self) -> tuple[str, str]:
        """User and password, for who connects; empty where there are none."""
        parts = self._split()
        return unquote(parts.username or ""), unquote(parts.password or "")

    def reveal(self) -> str:
        """Return the whole address, password included."""
        return self._text

    def _split(self) -> SplitResult:
        return urlsplit(self._text)
