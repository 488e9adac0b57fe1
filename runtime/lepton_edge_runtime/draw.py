"""Results drawn on pictures, for eyes and for videos."""

from lepton_edge_runtime.images import Image, opencv
from lepton_edge_runtime.results import Classes, Result


def draw(result: Result, image: Image) -> Image:
    """Return a copy of ``image`` (BGR) with the result written into its upper left corner."""
    cv2 = opencv()
    canvas: Image = image.copy() if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    # Text is sized by the picture, so that it can be read on a thumbnail and on a 4k frame.
    scale = max(0.3, canvas.shape[0] / 720)
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


def _lines(result: Result) -> list[str]:
    if isinstance(result, Classes):
        return [f"{one.score:6.1%} {one.label.split(',')[0]}" for one in list(result)[:3]]
    return str(result).split("  ")
