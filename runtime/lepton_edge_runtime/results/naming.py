"""What a class is called."""

from collections.abc import Sequence


def name_of(class_id: int, labels: Sequence[str]) -> str:
    """Return the name of a class; its number where it has none."""
    return labels[class_id] if 0 <= class_id < len(labels) else str(class_id)
