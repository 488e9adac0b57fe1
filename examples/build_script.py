"""A step of a build: convert, and fail the build if the model got worse than allowed.

python examples/build_script.py MODEL.keras SAMPLES OUT.lepton MAX_DROP_POINTS
Exit status: 0 converted, 1 an error, 3 refused by a gate; the older bundle then stays as it was.
"""

import sys

import lepton_edge as le


def main(model: str, samples: str, output: str, max_drop: str) -> int:
    """Convert and return the exit status."""
    try:
        report = le.convert(model, output, data=samples, max_drop=float(max_drop), force=True)
    except le.GateRefusedError as refused:
        for gate in refused.report.gates:
            print("ok     " if gate.passed else "REFUSED", gate.name, gate.detail)
        return 3
    except le.LeptonError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return 1
    print(f"{report.output}: {report.size_bytes:,} bytes, {len(report.gates)} gates passed")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:5]))
