"""Say what happens in a video: a model that takes clips answers every few frames.

python examples/watch_clips.py MODEL.lepton SOURCE [STRIDE]      STRIDE is how many frames lie between answers; else 5
"""

import sys

import lepton_edge as le


def main(path: str, source: str, stride: str = "5") -> None:
    """Print what each clip shows, and at the end where every frame went."""
    with le.open_model(path) as model, le.Camera(source) as camera:
        for result in model.stream(camera, stride=int(stride)):
            frame = result.origin.frame
            if not isinstance(result, le.Classes) or frame is None:
                raise SystemExit(f"{path} is no classifier")
            print(f"{frame.position_seconds:8.2f} s  {result.top.label} ({result.top.score:.0%})")
        print(camera.counts)


if __name__ == "__main__":
    main(*sys.argv[1:4])
