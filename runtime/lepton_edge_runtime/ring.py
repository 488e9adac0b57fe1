"""A ring of prepared pictures: each frame of a camera is prepared once, whichever clips it belongs to."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.clips import Clip
from lepton_edge_runtime.images import Image
from lepton_edge_runtime.plan import Placement, Plan
from lepton_edge_runtime.tensors import TensorSpec


class Ring:
    """The last pictures of a stream, as an engine stores them.

    Args:
        clip: Which frames make a clip; completed.
        plan: Prepares one picture.
        spec: The tensor of a whole clip.
    """

    def __init__(self, clip: Clip, plan: Plan, spec: TensorSpec) -> None:
        self._clip = clip
        self._frames = spec.shape[1]
        self._plan = plan
        self._slots = np.zeros((clip.slots, *spec.shape[2:]), spec.dtype)
        self._seen = 0
        self._places = np.arange(self._frames) * (clip.interval // clip.step)

    def clear(self) -> None:
        """Forget all pictures: what comes next does not follow them."""
        self._seen = 0

    def wants(self) -> bool:
        """Return whether the next frame belongs to a clip that is answered; one that does not is passed over."""
        begin = self._clip.span - 1
        after = (self._seen + i * self._clip.interval - begin for i in range(self._frames))
        wanted = any(one >= 0 and one % self._clip.stride == 0 for one in after)
        if not wanted:
            self._seen += 1
        return wanted

    def add(self, image: Image) -> Placement | None:
        """Prepare and keep a frame; return where it lies in the tensor if a clip ends here, else ``None``.

        Raises:
            InputError: It is no picture.
        """
        resized, placement = self._plan.resized(image)
        slot = self._seen // self._clip.step % len(self._slots)
        self._plan.write(resized, self._slots[slot : slot + 1])
        self._seen += 1
        after = self._seen - self._clip.span
        return placement if after >= 0 and after % self._clip.stride == 0 else None

    def write(self, out: NDArray[Any]) -> None:
        """Write the clip that ends with the last frame into ``out``, the tensor."""
        first = (self._seen - self._clip.span) // self._clip.step
        np.take(self._slots, (first + self._places) % len(self._slots), axis=0, out=out[0], mode="clip")
