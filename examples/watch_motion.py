"""Look at a region of a camera's picture, and only while something moves in it.

python examples/watch_motion.py MODEL SOURCE [LEFT,TOP,RIGHT,BOTTOM]      in pixels, or shares 0..1; else everywhere
"""

import sys

import lepton_edge as le


def main(path: str, source: str, region: str = "0,0,1,1") -> None:
    """Print when something moves, where, and what it is; at the end where all frames went."""
    area = [float(edge) for edge in region.split(",")]
    gate = le.MotionGate(areas=area, hold_seconds=0, every_seconds=None)
    with le.open_model(path) as model, le.Camera(source) as camera:
        for result in le.Regions(model, area).stream(camera, gate=gate):
            if frame := result.origin.frame:
                print(f"frame {frame.index}: {gate.area:.2%} moves, first at {gate.boxes[0].tolist()}: {result}")
        print(camera.counts)


if __name__ == "__main__":
    main(*sys.argv[1:4])
