"""Ways to break a file: bytes, lengths and offsets; JSON by its structure; archives and messages by their fields."""

import hashlib
import io
import json
import re
import struct
import warnings
import zipfile
from copy import deepcopy

import small_models

_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF)
_VALUES = (
    None, True, 0, -1, 1, 3, 1 << 31, 1 << 63, 1 << 70, 1e308, -1e-308, "", "x", "raw", "classify", "detect",
    "\x1b[31m", "\ud800", "a" * 5000, [], [[]], {}, {"a": 1}, [1, 4], [0, 0], [-1, 2], [1 << 40], [65535, 65535],
    "uint8", "float64",
)  # fmt: skip
_TEXTS = (
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e999",
    b"[" * 3000,
    b'{"a":' * 3000,
    b"\xff\xfe",
    b"9" * 5000,
    b"\\ud800",
)


def flip(data, rng):
    data = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        data[_position(data, rng)] ^= int(rng.integers(1, 256))
    return bytes(data)


def truncate(data, rng):
    return data[: int(rng.integers(len(data)))]


def splice(data, rng):
    start, length, to = _position(data, rng), int(rng.integers(1, 64)), _position(data, rng)
    part = data[start : start + length]
    return data[:to] + part + data[to + (len(part) if rng.random() < 0.5 else 0) :]


def renumber(data, rng):
    """Overwrite what may be a length or an offset."""
    data = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        width = int(rng.choice([1, 2, 4, 8]))
        near = int(rng.integers(-64, 64)) if rng.random() < 0.3 else int(rng.choice(_NUMBERS))
        at = _position(data, rng) // width * width
        data[at : at + width] = struct.pack("<Q", near % (1 << 64))[: len(data[at : at + width])]
    return bytes(data)


def swell(data, rng):
    """Put a long run of one byte somewhere."""
    at = _position(data, rng)
    return data[:at] + bytes([int(rng.integers(256))]) * int(rng.integers(1, 4096)) + data[at:]


BYTES = (flip, truncate, splice, renumber, renumber, swell)


def mutate_bytes(data, rng):
    for _ in range(int(rng.integers(1, 3))):
        if data:
            data = BYTES[int(rng.integers(len(BYTES)))](data, rng)
    return data


def mutate_json(text, rng):
    """Exchange a value, drop, double or rename a key; now and then leave JSON altogether."""
    if rng.random() < 0.15:
        at = int(rng.integers(len(text)))
        return text[:at] + _TEXTS[int(rng.integers(len(_TEXTS)))] + text[at + int(rng.integers(3)) :]
    value = json.loads(text)
    for _ in range(int(rng.integers(1, 4))):
        holder, key = _somewhere(value, rng)
        if holder is None:
            break
        _change(holder, key, rng)
    changed = json.dumps(value).encode()
    if rng.random() < 0.1:
        changed = re.sub(rb'("[a-z_]+": [^,\[{]*,)', rb"\1 \1", changed, count=1)  # a key twice
    return changed


def mutate_bundle(data, rng):
    """Break a bundle: its bytes, its directory, or its members with hashes that fit again."""
    kind = rng.random()
    if kind < 0.25:
        return mutate_bytes(data, rng)
    if kind < 0.45:
        return _mutate_directory(data, rng)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = str(rng.choice(list(members)))
    if name == "manifest.json":
        members[name] = mutate_json(members[name], rng)
    else:
        members[name] = mutate_bundle(members[name], rng) if name.endswith(".npz") else mutate_bytes(members[name], rng)
        manifest = json.loads(members.get("manifest.json", b"{}"))
        if "members" in manifest:
            manifest["members"][name] = hashlib.sha256(members[name]).hexdigest()
            members["manifest.json"] = json.dumps(manifest).encode()
    return _packed(members, rng)


def _packed(members, rng):
    buffer = io.BytesIO()
    compression = zipfile.ZIP_DEFLATED if rng.random() < 0.03 else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name)
            if rng.random() < 0.03:
                entry.filename = str(
                    rng.choice(["../evil", "/etc/evil", "a/b", "..", "x\x00y", "é", "a" * 300, ".hidden"])
                )
            if rng.random() < 0.02:
                entry.external_attr = 0o120777 << 16
            with warnings.catch_warnings(action="ignore"):  # of two members of one name
                archive.writestr(entry, content, compression)
    return buffer.getvalue()


def _mutate_directory(data, rng):
    """Overwrite a field of a local header, a directory entry or the end record."""
    marks = [found.start() for found in re.finditer(rb"PK(\x01\x02|\x03\x04|\x05\x06)", data)]
    if not marks:
        return mutate_bytes(data, rng)
    data = bytearray(data)
    for _ in range(int(rng.integers(1, 3))):
        at, width = int(rng.choice(marks)) + 4 + int(rng.integers(40)), int(rng.choice([1, 2, 4]))
        number = int(rng.choice(_NUMBERS)) if rng.random() < 0.6 else int(rng.integers(len(data)))
        data[at : at + width] = struct.pack("<Q", number)[: len(data[at : at + width])]
    return bytes(data)


def mutate_tflite(data, rng):
    """Break a TFLite file: its bytes, the archive behind it, or another one that names the same tables many times."""
    kind = rng.random()
    if kind < 0.1:
        much = {name: _many(rng) for name in ("graphs", "tensors", "operators")}
        words = {name: "n" * _many(rng) for name in ("name", "custom")}
        data = small_models.repetitive_tflite(**much, ends=_many(rng), **words)
        return data if rng.random() < 0.5 else mutate_bytes(data, rng)
    return _mutate_directory(data, rng) if kind < 0.25 else mutate_bytes(data, rng)


def mutate_hints(data, rng):
    """Break what other tools say of a model, or make TFLite Metadata that name the same tables many times."""
    if rng.random() < 0.1:
        return small_models.repetitive_metadata(inputs=_many(rng), units=_many(rng), files=_many(rng))
    return mutate_bytes(data, rng)


def _many(rng):
    return int(2 ** rng.uniform(0, 13))


def mutate_onnx(data, rng):
    """Break an ONNX file: its bytes, or tags and lengths written wider than need be, in messages that still fit."""
    if rng.random() < 0.6:
        return mutate_bytes(data, rng)
    first = int(rng.integers(1, 16))
    numbers = range(first, first + int(rng.integers(1, 4)))
    # What is added above 32 bits is dropped by readers in C++; a length may be padded with zeros.
    return _widened(data, numbers, int(rng.choice([1, 3, 1 << 20])) << 32, padded=rng.random() < 0.2)


def _widened(message, numbers, high, *, padded, depth=0):
    """Return a message with the tags of these fields widened, at any depth; as it is where it is no message."""
    written, position = b"", 0
    try:
        while position < len(message):
            tag, position = _read_varint(message, position)
            start = position
            if tag & 7 == 2:
                length, start = _read_varint(message, position)
                position = start + length
            elif tag & 7 == 0:
                _, position = _read_varint(message, position)
            else:
                position += {1: 8, 5: 4}[tag & 7]
            if position > len(message):
                return message
            content = message[start:position]
            if tag & 7 == 2 and depth < 6:
                content = _widened(content, numbers, high, padded=padded, depth=depth + 1)
            written += _varint(tag + high * (tag >> 3 in numbers))
            written += (_varint(len(content), padded=padded) if tag & 7 == 2 else b"") + content
    except (IndexError, KeyError):
        return message
    return written


def _read_varint(message, position):
    value = shift = 0
    while True:
        value |= (message[position] & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if message[position - 1] < 0x80:
            return value, position


def _varint(number, *, padded=False):
    written = b""
    while number > 127:
        written += bytes([number & 127 | 128])
        number >>= 7
    return written + (bytes([number | 128, 0]) if padded else bytes([number]))


def _position(data, rng):
    """Return a position: anywhere, or near one end, where the structure is."""
    place = rng.random()
    if place < 0.4:
        return int(rng.integers(len(data)))
    near = int(rng.integers(min(len(data), 1500)))
    return near if place < 0.7 else len(data) - 1 - near


def _somewhere(value, rng):
    """Return a random container inside ``value`` and a key of it."""
    found = []
    todo = [value]
    while todo:
        holder = todo.pop()
        keys = holder.keys() if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            found.append((holder, key))
            if isinstance(holder[key], dict | list):
                todo.append(holder[key])
    return found[int(rng.integers(len(found)))] if found else (None, None)


def _change(holder, key, rng):
    kind = rng.random()
    value = deepcopy(_VALUES[int(rng.integers(len(_VALUES)))])
    if kind < 0.7:
        holder[key] = value
    elif isinstance(holder, list):
        holder.extend(deepcopy(holder[key]) for _ in range(int(rng.integers(1, 300))))
    elif kind < 0.85:
        del holder[key]
    else:
        holder[str(value)[:50]] = holder[key]
