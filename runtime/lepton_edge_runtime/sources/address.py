"""Addresses of sources: a number, a path, a URL that keeps its password to itself, a camera on the ribbon cable."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit

from lepton_edge_runtime.errors import SourceError, SourceNotFoundError

_DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
# Some cameras take the password in the query, or in the path, such as /user=admin_password=x_channel=1.sdp.
_HIDDEN_KEYS = r"(?i)((?:pass[a-z]*|pwd|psw|token|key|secret|auth|sig[a-z]*)=)"
_HIDDEN_IN_PATH = re.compile(_HIDDEN_KEYS + r"(?:(?!_[a-z]+=)[^&;/#])*")
_HIDDEN_IN_QUERY = re.compile(_HIDDEN_KEYS + r"[^&;#]*")
_DEVICE_FILE = re.compile(r"/dev/video(\d+)")


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
        scheme, _, rest = self._text.partition("://")
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
        return self._split().port or _DEFAULT_PORTS.get(self.scheme, 0)

    @property
    def target(self) -> str:
        """Path and query, as a request names them."""
        parts = self._split()
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def reveal(self) -> str:
        """Return the whole address, password included."""
        return self._text

    def _split(self) -> SplitResult:
        return urlsplit(self._text)


@dataclass(frozen=True, slots=True)
class CsiAddress:
    """A Raspberry Pi camera: ``csi:0``, or ``csi:0?size=1280x720&fps=30`` with these defaults.

    Attributes:
        number: As ``rpicam-hello --list-cameras`` counts them.
        size: Width and height in pixels.
        fps: Frames a second.
    """

    number: int
    size: tuple[int, int] = (1280, 720)
    fps: float = 30.0

    def __str__(self) -> str:
        return f"csi:{self.number}"


Address = int | Path | Url | CsiAddress
"""Where pictures come from: a camera's number, a file or folder, the network, the ribbon cable."""


def parse_address(source: int | str | Path) -> Address:
    """Return what ``source`` names; a path need not exist.

    Raises:
        SourceError: An address of the network or the ribbon cable that is not well formed.
    """
    if isinstance(source, int):
        return source
    text = str(source)
    if isinstance(source, str):
        if text.isdecimal():
            return int(text)
        if text.startswith("csi:"):
            return _csi(text)
        if "://" in text:
            return _url(text)
    # /dev/v4l/by-id/… keeps its name when a camera is plugged in elsewhere; OpenCV wants the number.
    device = _DEVICE_FILE.fullmatch(str(Path(text).resolve()))
    return int(device.group(1)) if device else Path(text)


def _url(text: str) -> Url:
    url = Url(text)
    try:
        known = bool(url.host) and url.port >= 0
    except ValueError:
        known = False
    if not known:
        raise SourceNotFoundError(
            f"{url} is no address: there is no host and port in it; characters like / @ # in a password are "
            "written %2F %40 %23"
        )
    return url


def _csi(text: str) -> CsiAddress:
    match = re.fullmatch(r"csi:(\d+)(?:\?(.*))?", text)
    if match is None:
        raise SourceError(f"{text} is no Raspberry Pi camera; one is named csi:0, or csi:0?size=1280x720&fps=30")
    options = dict(parse_qsl(match.group(2) or "", keep_blank_values=True))
    unknown = sorted(set(options) - {"size", "fps"})
    if unknown:
        raise SourceError(f"{text}: there is no option {unknown[0]!r}; there are: size, fps")
    address = CsiAddress(int(match.group(1)))
    size = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", options.get("size", "{}x{}".format(*address.size)))
    fps = re.fullmatch(r"[1-9]\d{0,3}(?:\.\d+)?|0\.\d*[1-9]\d*", options.get("fps", str(address.fps)))
    if size is None or fps is None:
        wrong = "size" if size is None else "fps"
        raise SourceError(f"{text}: {wrong} is given like size=1280x720, fps=30")
    return CsiAddress(address.number, (int(size.group(1)), int(size.group(2))), float(fps.group()))
