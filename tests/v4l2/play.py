"""What happens to a V4L2 camera, acted out inside the emulated machine; prints one JSON object a scene."""

import json
import subprocess
import threading
import time

import cv2

from lepton_edge_runtime.camera import Camera
from lepton_edge_runtime.errors import SourceError

READS = 0


class Counted:
    """OpenCV's capture, counting how often it is read."""

    original = cv2.VideoCapture

    def __init__(self, *given):
        self.capture = self.original(*given)

    def __getattr__(self, name):
        return getattr(self.capture, name)

    def read(self):
        global READS  # noqa: PLW0603 - a script
        READS += 1
        return self.capture.read()


def fault(setting):
    subprocess.run(["v4l2-ctl", "-d", "/dev/video0", "-c", setting], check=True)


def scene(name, play):
    begin, before = time.monotonic(), READS
    facts = play()
    facts.update(scene=name, seconds=round(time.monotonic() - begin, 2), reads=READS - before)
    print("SCENE " + json.dumps(facts), flush=True)


def facts_of(camera, error=None):
    counts = camera.counts
    balanced = counts.captured == counts.delivered + counts.waiting + sum(counts.dropped.values())
    ended = not any(thread.name.startswith("camera") for thread in threading.enumerate())
    told = {"error": type(error).__name__, "message": str(error)} if error else {}
    return {"balanced": balanced, "ended": ended, "captured": counts.captured, **told}


def flows():
    with Camera("/dev/video0") as camera:
        frames = iter(camera)
        shapes = {next(frames).image.shape for _ in range(20)}
        fps = camera.fps
    return {**facts_of(camera), "shapes": sorted(shapes), "fps": fps, "source": camera.source}


def spoilt(setting, **times):
    error = None
    with Camera(0, **times) as camera:
        frames = iter(camera)
        next(frames)
        fault(setting)
        begin = time.monotonic()
        try:
            for _ in frames:
                pass
        except SourceError as raised:
            error = raised
        waited = time.monotonic() - begin
    return {**facts_of(camera, error), "waited": round(waited, 2)}


def held():
    with Camera(0) as first:
        next(iter(first))
        try:
            Camera(0).close()
        except SourceError as error:
            return facts_of(first, error)
    return facts_of(first)


def missing():
    try:
        Camera(7)
    except SourceError as error:
        return {"error": type(error).__name__, "message": str(error)}
    return {}


def main():
    cv2.VideoCapture = Counted
    scene("flows", flows)
    scene("missing", missing)
    scene("held", held)
    scene("silent", lambda: spoilt("percentage_of_dropped_buffers=100", timeout_seconds=3))
    fault("percentage_of_dropped_buffers=0")
    scene("flows again", flows)
    scene("stalls", lambda: spoilt("percentage_of_dropped_buffers=100"))
    fault("percentage_of_dropped_buffers=0")
    scene("unplugged", lambda: spoilt("disconnect=1"))
    scene("plugged in again", flows)


if __name__ == "__main__":
    main()
