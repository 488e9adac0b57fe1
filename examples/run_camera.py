"""Say what a camera sees, once a change.

python examples/run_camera.py MODEL.lepton [CAMERA]      CAMERA is a number, a stream, a video or a folder; else 0
"""

import sys

import lepton_edge as le


def main(path: str, source: str = "0") -> None:
    """Print the best class whenever it changes, and at the end where all frames went."""
    seen = ""
    with le.open_model(path) as model, le.Camera(source) as camera:
        print(f"engine: {model.choice}")
        for result in model.stream(camera):
            if not isinstance(result, le.Classes):
                raise SystemExit(f"{path} is no classifier")
            if result.top.label != seen:
                seen = result.top.label
                print(f"{seen} ({result.top.score:.0%})")
        print(camera.counts)


if __name__ == "__main__":
    main(*sys.argv[1:3])
