"""Tables of a flatbuffer that may be hostile, read field by field and never outside it."""

import struct
from typing import Self

from lepton_edge_runtime.formats.budget import Budget

_VECTOR_MAX = 10_000
_TEXT_BYTES_MAX = 100_000


class Table:
    """One table; its fields are known by their number in the schema.

    Everything raises ``IndexError`` where an offset leads outside the buffer, a vector is absurdly long, or all that
    was read of the buffer so far is more than its budget.
    """

    __slots__ = ("_budget", "_data", "_position", "_vtable", "_vtable_bytes")

    def __init__(self, data: bytes, position: int, budget: Budget) -> None:
        self._budget = budget
        self._data = data
        self._position = position
        self._vtable = position - self._number("<i", position)
        self._vtable_bytes = self._number("<H", self._vtable)

    @classmethod
    def root(cls, data: bytes, identifier: bytes, budget: Budget) -> Self:
        """Return the root table of a buffer that carries this identifier."""
        if data[4:8] != identifier:
            raise IndexError(f"its identifier is {data[4:8]!r}, not {identifier!r}")
        return cls(data, struct.unpack_from("<I", data)[0], budget)

    def byte(self, field: int) -> int:
        """Return a byte, 0 where the field is absent."""
        position = self._field(field)
        return self._number("<B", position) if position else 0

    def number(self, field: int) -> int:
        """Return an unsigned 32-bit number, 0 where the field is absent."""
        position = self._field(field)
        return self._number("<I", position) if position else 0

    def text(self, field: int) -> str:
        """Return a string, empty where the field is absent."""
        position = self._field(field)
        return self._text_at(self._follow(position)) if position else ""

    def table(self, field: int) -> "Table | None":
        """Return a table, ``None`` where the field is absent."""
        position = self._field(field)
        return Table(self._data, self._follow(position), self._budget) if position else None

    def tables(self, field: int) -> list["Table"]:
        """Return a vector of tables."""
        return [Table(self._data, self._follow(position), self._budget) for position in self._elements(field)]

    def floats(self, field: int) -> tuple[float, ...]:
        """Return a vector of 32-bit floats."""
        elements = self._elements(field)
        return struct.unpack_from(f"<{len(elements)}f", self._data, elements[0]) if elements else ()

    def _elements(self, field: int) -> range:
        """Return where the four-byte elements of a vector lie."""
        position = self._field(field)
        if not position:
            return range(0)
        start = self._follow(position)
        length = self._number("<I", start)
        if length > _VECTOR_MAX or start + 4 + 4 * length > len(self._data):
            raise IndexError(f"a vector of {length} elements")
        self._budget.take_parts(length)
        return range(start + 4, start + 4 + 4 * length, 4)

    def _field(self, field: int) -> int:
        """Return where a field lies, 0 where it is absent."""
        slot = 4 + 2 * field
        if slot + 2 > self._vtable_bytes:
            return 0
        offset = self._number("<H", self._vtable + slot)
        return self._position + offset if offset else 0

    def _follow(self, position: int) -> int:
        return position + self._number("<I", position)

    def _text_at(self, position: int) -> str:
        length = self._number("<I", position)
        if length > _TEXT_BYTES_MAX or position + 4 + length > len(self._data):
            raise IndexError(f"a text of {length} bytes")
        self._budget.take_text(length)
        return self._data[position + 4 : position + 4 + length].decode(errors="replace")

    def _number(self, kind: str, position: int) -> int:
        if position < 0 or position + struct.calcsize(kind) > len(self._data):
            raise IndexError("an offset that leads outside")
        value: int = struct.unpack_from(kind, self._data, position)[0]
        return value
