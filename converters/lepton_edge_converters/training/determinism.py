"""The same numbers in, the same bits out, for as long as it is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager

from tensorflow.python.framework import config


@contextmanager
def deterministic() -> Iterator[None]:
    """Let TensorFlow add up in a fixed order, whatever its threads do."""
    before = config.is_op_determinism_enabled()
    config.enable_op_determinism()
    try:
        yield
    finally:
        if not before:
            config.disable_op_determinism()
