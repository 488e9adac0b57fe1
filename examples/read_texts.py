"""Sort texts from standard input by what a model thinks of them, the surest first.

python examples/read_texts.py MODEL.lepton CLASS < reviews.txt
"""

import sys

import lepton_edge as le


def main(path: str, wanted: str) -> None:
    """Print each line with the score of the class ``wanted``, the highest first."""
    found = []
    with le.open_model(path) as model:
        for line in sys.stdin:
            result = model(line.strip())
            if not isinstance(result, le.Classes):
                raise SystemExit(f"{path} is no classifier")
            score = next((one.score for one in result if one.label == wanted), 0.0)
            found.append((score, line.strip()))
    for score, text in sorted(found, reverse=True):
        print(f"{score:6.1%}  {text}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
