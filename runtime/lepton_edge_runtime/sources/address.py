"""Addresses of sources: a number, a path, a URL, a camera on the ribbon cable."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

from lepton_edge_runtime.errors import SourceError, SourceNotFoundError
from lepton_edge_runtime.urls import Url

_DEVICE_FILE = re.compile(r"/dev/video(\d+)")


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
