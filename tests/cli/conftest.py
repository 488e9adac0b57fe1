"""The command line, as a user calls it."""

import pytest

from lepton_edge.cli import execute


@pytest.fixture
def command(capfd):
    """Run a command line; return its exit status and what it printed."""

    def call(*arguments):
        status = execute([str(argument) for argument in arguments])
        printed = capfd.readouterr()
        return status, printed.out, printed.err

    return call
