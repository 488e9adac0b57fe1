"""Messages in protobuf's wire format that may be hostile, walked field by field."""

from collections.abc import Iterator

_FIELDS_MAX = 5_000_000
# Readers in C++ keep 32 bits of a tag and refuse lengths of 2 GB: a wider one must not mean another field to us.
_TAG_END = 1 << 32
_LENGTH_END = 1 << 31
_UINT64 = (1 << 64) - 1

Message = memoryview


class Walk:
    """Reads messages, and counts their fields so that no file keeps it busy for long.

    Everything raises ``IndexError`` where a length leads outside its message, or a tag or length is wider than the
    engines' own readers take it.
    """

    def __init__(self) -> None:
        self._fields_left = _FIELDS_MAX

    def messages(self, message: Message) -> Iterator[tuple[int, Message]]:
        """Yield the number and content of each length-delimited field: messages, text and bytes."""
        for number, value in self.fields(message):
            if not isinstance(value, int):
                yield number, value

    def fields(self, message: Message) -> Iterator[tuple[int, int | Message]]:
        """Yield the number and value of each field; fixed-width ones are stepped over."""
        position, end = 0, len(message)
        while position < end:
            self._fields_left -= 1
            if self._fields_left < 0:
                raise IndexError(f"more than {_FIELDS_MAX} fields")
            # Nearly all tags and lengths are one byte: the call for longer ones took a third of the time.
            tag = message[position]
            position += 1
            if tag > 0x7F:
                tag, position = _varint(message, position - 1)
            if not 8 <= tag < _TAG_END:
                raise IndexError(f"a field of the number {tag >> 3}")
            wire = tag & 7
            if wire == 2:
                length = message[position]
                position += 1
                if length > 0x7F:
                    length, position = _varint(message, position - 1)
                start, position = position, position + length
                if length >= _LENGTH_END or position > end:
                    raise IndexError("a field reaches past the end")
                yield tag >> 3, message[start:position]
            elif wire == 0:
                number, position = _varint(message, position)
                yield tag >> 3, number
            elif wire in (1, 5):
                position += 8 if wire == 1 else 4
            else:
                raise IndexError(f"a field of wire type {wire}")


def _varint(message: Message, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(message):
            raise IndexError("it ends within a number")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _UINT64, position
        shift += 7
        if shift > 63:
            raise IndexError("a number of more than 64 bits")
