"""See what an answer rests on: hide parts of a picture, and ask the deployed model again.

python examples/explain_answer.py MODEL.lepton PICTURE OUT.png [CLASS]
"""

import sys

import lepton_edge as le
from lepton_edge_runtime.images import read_image


def main(model: str, picture: str, output: str, target: str | None = None) -> None:
    """Explain the answer of ``model`` to ``picture``, for a class or the surest one, and draw it into ``output``."""
    image = read_image(picture)
    explanation = le.explain(model, image, target=target)
    explanation.save(output, image, force=True)
    print(f"{explanation.target}: score {explanation.score:.3f}, asked {explanation.runs} times")
    x, y = explanation.peak
    print(f"it rests most on what lies at x {x:.0f}, y {y:.0f}; {output} shows the rest")


if __name__ == "__main__":
    main(*sys.argv[1:])
