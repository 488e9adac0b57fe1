"""Find the fastest engine on this device once, and use it from then on.

python examples/tune_and_run.py MODEL.lepton CACHE_FOLDER PICTURE
"""

import sys

import lepton_edge as le


def main(path: str, cache: str, picture: str) -> None:
    """Tune, open with what was found, and answer one picture."""
    found = le.tune(path, cache=cache, seconds=0.5)
    for one in found.timed:
        print(f"{one.setting:20} {one.median_ms:8.3f} ms, median of {one.runs} runs")
    with le.open_model(path, cache=cache) as model:
        print(f"engine: {model.choice}")
        print(model(picture))


if __name__ == "__main__":
    main(*sys.argv[1:4])
