"""Convert a trained Keras classifier, and look at what became of it.

python examples/convert_classifier.py MODEL.keras SAMPLES OUT.lepton
"""

import sys

import lepton_edge as le


def main(model: str, samples: str, output: str) -> None:
    """Convert ``model`` with ``samples`` (a folder, .csv or .npz) and print what counts."""
    report = le.convert(model, output, data=samples, recipe="int8", force=True)
    before, after = report.row("TFLite float32"), report.row("TFLite int8")
    print(f"size       {before.size_bytes:,} → {after.size_bytes:,} bytes")
    print(f"agreement  {after.agreement}")
    print(f"accuracy   {after.accuracy}, lost {after.drop}")
    for warning in report.warnings:
        print(f"note       {warning}")


if __name__ == "__main__":
    main(*sys.argv[1:4])
