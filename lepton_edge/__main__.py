"""``python -m lepton_edge`` is ``lepton-edge``."""

from lepton_edge.cli import main

main()
