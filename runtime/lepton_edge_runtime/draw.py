"""Results drawn on pictures, for eyes and for videos."""

from types import ModuleType

from lepton_edge_runtime.images import Image, opencv
from lepton_edge_runtime.results import Classes, Detections, Result

# BGR, told apart also by those who see few colours; classes take them in turn.
_COLORS = ((180, 119, 31), (14, 127, 255), (44, 160, 44), (40, 39, 214), (189, 103, 148), (207, 190, 23))


def draw(result: Result, image: Image) -> Image:
    """Return a copy of ``image`` (BGR) with the result on it: boxes, or lines in its upper left corner."""
    cv2 = opencv()
    canvas: Image = image.copy() if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    # Text is sized by the picture, so that it can be read on a thumbnail and on a 4k frame.
    scale = max(0.3, canvas.shape[0] / 720)
    if isinstance(result, Detections):
        _draw_boxes(cv2, canvas, result, scale)
        return canvas
    line_height = round(32 * scale)
    thickness = max(1, round(2 * scale))
    for row, line in enumerate(_lines(result)):
        (width, _), _ = cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, 0.8 * scale, thickness)
        top = row * line_height
        cv2.rectangle(canvas, (0, top), (width + line_height // 2, top + line_height), (32, 32, 32), cv2.FILLED)
        origin = (line_height // 4, top + round(0.75 * line_height))
        cv2.putText(
            canvas,
            line,
            origin,
            cv2.FONT_HERSHEY_SIMPLEX,
            0.8 * scale,
            (255, 255, 255),
            thickness,
            cv2.LINE_AA,
        )
    return canvas


def _draw_boxes(cv2: ModuleType, canvas: Image, result: Detections, scale: float) -> None:
    thickness = max(1, round(2 * scale))
    for one in result:
        color = _COLORS[one.class_id % len(_COLORS)]
        left, top, right, bottom = (round(edge) for edge in one.box)
        cv2.rectangle(canvas, (left, top), (right, bottom), color, thickness)
        text = f"{one.label} {one.score:.0%}"
        (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.6 * scale, thickness)
        left = max(0, min(left, canvas.shape[1] - width))  # nor one beside it
        foot = max(top, height + 2 * thickness)  # a name above the picture would not be seen
        cv2.rectangle(canvas, (left, foot - height - 2 * thickness), (left + width, foot), color, cv2.FILLED)
        origin = (left, foot - thickness)
        cv2.putText(
            canvas, text, origin, cv2.FONT_HERSHEY_SIMPLEX, 0.6 * scale, (255, 255, 255), thickness, cv2.LINE_AA
        )


def _lines(result: Result) -> list[str]:
    if isinstance(result, Classes):
        return [f"{one.score:6.1%} {one.label.split(',')[0]}" for one in list(result)[:3]]
    return str(result).split("  ")
