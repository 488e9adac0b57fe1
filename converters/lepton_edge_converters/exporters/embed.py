"""Our card into a finished file, by its kind; runs in the worker."""

from pathlib import Path


def embed_card_in_file(path: Path, card: bytes) -> None:
    """Write the card into a ``.tflite`` file's metadata or an ``.onnx`` file's ``metadata_props``."""
    if path.suffix == ".tflite":
        from lepton_edge_converters.exporters.flatbuffer import embed_card  # noqa: PLC0415 - only what is needed
    else:
        from lepton_edge_converters.exporters.onnx import embed_card  # noqa: PLC0415 - only what is needed
    path.write_bytes(embed_card(path.read_bytes(), card))
