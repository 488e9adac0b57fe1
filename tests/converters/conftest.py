"""What tests of the converter share."""

import pytest

from lepton_edge_converters.worker import Worker


@pytest.fixture(scope="module")
def worker():
    """The process that has TensorFlow, one for all tests of a file."""
    with Worker() as one:
        yield one
