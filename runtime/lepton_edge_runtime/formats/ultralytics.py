"""What Ultralytics writes into the files it exports: names of the classes, the task, the picture size."""

import json
import re
from collections.abc import Mapping

from lepton_edge_runtime.formats import Hints, PictureHint
from lepton_edge_runtime.text import printable

_SOURCE = "Ultralytics' metadata"
_NAMES_BYTES_MAX = 1 << 20
_TASK_MAX = 20
_NAME = re.compile(r"""\s*["']?(\d{1,6})["']?\s*:\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*(?:,|$)""")
_SIZE = re.compile(r"\[\s*(\d{1,5})\s*,\s*(\d{1,5})\s*\]")


def read_properties(properties: Mapping[str, bytes]) -> Hints | None:
    """Return what an ONNX file's metadata say, if Ultralytics wrote them."""
    if not {"names", "task"} <= properties.keys() or len(properties["names"]) > _NAMES_BYTES_MAX:
        return None
    try:
        words = {key: properties[key].decode() for key in ("names", "task", "imgsz") if key in properties}
    except UnicodeDecodeError:
        return None
    return _hints(words["names"], words["task"], words.get("imgsz", ""))


def read_json(text: bytes) -> Hints | None:
    """Return what ``metadata.json`` in a TFLite file's archive says, if Ultralytics wrote it."""
    try:
        found = json.loads(text.decode())
        if not isinstance(found, dict) or not {"names", "task"} <= found.keys():
            return None
        names = json.dumps(found["names"], ensure_ascii=False)
        return _hints(names, str(found["task"]), str(found.get("imgsz", "")))
    except (ValueError, RecursionError):
        return None


def read_dict(text: bytes) -> Hints | None:
    """Return what older versions of it wrote in the place of labels: a dictionary in Python's notation."""
    words = text[:_NAMES_BYTES_MAX].decode(errors="replace")
    task = re.search(r"'task': '(\w{1,20})'", words)
    start = words.find("'names': {")
    if not words.startswith("{") or task is None or start < 0:
        return None
    names = words[start + len("'names': ") : words.find("}", start) + 1]
    size = re.search(r"'imgsz': (\[\d{1,5}, \d{1,5}\])", words)
    return _hints(names, task[1], size[1] if size else "")


def _hints(names: str, task: str, size: str) -> Hints | None:
    if len(task) > _TASK_MAX or len(names) > _NAMES_BYTES_MAX:
        return None
    labels = {}
    position, text = 0, names.strip().removeprefix("{").removesuffix("}")
    while found := _NAME.match(text, position):
        labels[int(found[1])] = printable((found[2] if found[2] is not None else found[3]).replace("\\'", "'"))
        position = found.end()
    whole = position == len(text) and sorted(labels) == list(range(len(labels)))
    height_width = _SIZE.fullmatch(size.strip())
    picture = PictureHint(
        color="rgb",
        resize="crop" if task == "classify" else "letterbox",
        crop_fraction=1.0 if task == "classify" else None,
        size=(int(height_width[2]), int(height_width[1])) if height_width else None,
        mean=(0.0,),
        std=(255.0,),
    )
    return Hints(
        source=_SOURCE,
        task=printable(task),
        labels=tuple(labels[i] for i in range(len(labels))) if whole else (),
        pictures=(picture,),
        notes=() if whole else ("the names in its metadata cannot be read",),
    )
