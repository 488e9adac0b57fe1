"""What the fuzzer has a process of its own do."""

from lepton_edge_runtime.backends import open_backend


def load(name, data):
    """Give an engine a file that no reader of ours has seen, and run it on zeros."""
    open_backend(name, data).close()
