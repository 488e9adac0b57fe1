"""How ``run`` tells its answers: a line or an object a frame, and the totals."""

from typing import Any

from lepton_edge.cli.show import print_json, say
from lepton_edge_runtime.camera import Camera, times
from lepton_edge_runtime.chains import Pipeline
from lepton_edge_runtime.model import Model
from lepton_edge_runtime.motion import MotionGate
from lepton_edge_runtime.recorder import Recorder
from lepton_edge_runtime.regions import Regions
from lepton_edge_runtime.results import Result
from lepton_edge_runtime.tiles import Tiled

Opened = Model | Pipeline | Tiled | Regions
"""What answers."""


def line(result: Result) -> str:
    """Return the answer to one frame, for people."""
    frame, timing = result.origin.frame, result.origin.timing
    where = f"{frame.index:6d} {frame.name or f'{frame.position_seconds:8.2f} s'}" if frame else ""
    return f"{where}  {result}  ({timing.preprocess_ms + timing.inference_ms:.2f} ms)"


def as_dict(result: Result) -> dict[str, Any]:
    """Return the answer to one frame, for ``--json``."""
    frame, timing = result.origin.frame, result.origin.timing
    about = (
        {"frame": frame.index, "position_seconds": round(frame.position_seconds, 3), "name": frame.name}
        if frame
        else {}
    )
    return {
        **about,
        **result.to_dict(),
        "backend": result.origin.backend,
        "preprocess_ms": round(timing.preprocess_ms, 3),
        "inference_ms": round(timing.inference_ms, 3),
    }


def motion(gate: MotionGate | None) -> dict[str, Any]:
    """Return what a gate saw in the frame, for ``--json``."""
    return {} if gate is None else {"motion": {"area": round(gate.area, 6), "boxes": gate.boxes.tolist()}}


def summary(model: Opened, camera: Camera, recorder: Recorder | None, seconds: float, *, as_json: bool) -> None:
    """Say where every frame went, and which engine answered."""
    counts = camera.counts
    unsaved = recorder.dropped if recorder else 0
    answered = counts.delivered  # a stream delivers what is answered
    if as_json:
        totals = {
            "captured": counts.captured,
            "answered": answered,
            "dropped": dict(counts.dropped),
            "reopened": counts.reopened,
            **({"unsaved": unsaved} if recorder else {}),
            "seconds": round(seconds, 3),
            "backend": model.choice.backend,
            "engine": model.choice.engine,
            "threads": model.choice.threads,
            "reason": model.choice.reason,
            "rejected": {one.backend: one.reason for one in model.choice.rejected},
            "assumptions": list(model.assumptions),
        }
        print_json({"totals": totals}, indent=None)
        return
    dropped = ", ".join(f"{count} {reason}" for reason, count in counts.dropped.items()) or "none"
    reopened = f"; reopened {times(counts.reopened)}" if counts.reopened else ""
    missing = f"; {unsaved} of the answered are not in the video, which was written too slowly" if unsaved else ""
    say(
        f"{counts.captured} frames in = {answered} answered + dropped: {dropped}{reopened}{missing}; "
        f"{answered / max(seconds, 1e-9):.1f} a second; {model.choice}",
        err=True,
    )
