"""A window on this machine's screen, where OpenCV has one."""

from typing import Any

from lepton_edge_runtime.closing import Closing
from lepton_edge_runtime.errors import SinkError, requirement
from lepton_edge_runtime.images import Image, opencv

_QUIT_KEYS = {ord("q"), 27}  # 27 is Escape


class Window(Closing):
    """Shows frames; closed by its owner, by ``q``, Escape or the mouse.

    Raises:
        SinkError: This OpenCV has no windows, or there is no screen.
    """

    def __init__(self, title: str) -> None:
        self._cv2: Any = opencv()
        self._title = title
        try:
            self._cv2.namedWindow(title, self._cv2.WINDOW_NORMAL)
        except self._cv2.error as missing:
            raise SinkError(
                "this OpenCV shows no windows, or there is no screen; "
                f"windows come with pip install {requirement(extra='desktop')} "
                "in an environment without opencv-python-headless"
            ) from missing

    def show(self, image: Image) -> bool:
        """Show a frame, BGR; return whether the window is still open."""
        self._cv2.imshow(self._title, image)
        if self._cv2.waitKey(1) & 0xFF in _QUIT_KEYS:
            return False
        return bool(self._cv2.getWindowProperty(self._title, self._cv2.WND_PROP_VISIBLE) >= 1)

    def close(self) -> None:
        """Close the window."""
        self._cv2.destroyWindow(self._title)
