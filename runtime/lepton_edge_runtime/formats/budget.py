"""What reading one file may cost in all.

Offsets of a flatbuffer may lead to one place many times, so no limit on a single list bounds the whole.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Budget:
    """What is left of it; shared by all that reads the same file.

    Attributes:
        parts: Tables, and elements of lists.
        text_bytes: Of names and other text.
    """

    parts: int = 150_000
    text_bytes: int = 16 << 20

    def take_parts(self, count: int) -> int:
        """Return ``count``, or raise IndexError if that many are no longer left."""
        self.parts -= count
        if self.parts < 0:
            raise IndexError("its parts are more than any model has; or the same ones, named over and over")
        return count

    def take_text(self, count_bytes: int) -> int:
        """Return ``count_bytes``, or raise IndexError if that many are no longer left."""
        self.text_bytes -= count_bytes
        if self.text_bytes < 0:
            raise IndexError("its names are longer in all than those of any model")
        return count_bytes
