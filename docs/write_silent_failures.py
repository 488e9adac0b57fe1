"""Write docs/silent_failures.md from a run of all cases in tests/silent_failures: ten minutes."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from silent_failures.cases import CASES
from silent_failures.run import Bench

HEADER = """# What goes wrong in silence

Conversions that end without an error and with a file that is wrong, slow, or runs nowhere. The middle column is what
TensorFlow's converter, Keras' own export and ONNX Runtime's quantizer did in the run that wrote this page, with
the versions in `constraints.txt`; the last is what Lepton Edge did. Each row is a test (`tests/silent_failures/`),
which fails when the usual tools no longer go wrong, and when Lepton Edge no longer notices.

| what goes wrong | the usual tools | Lepton Edge |
|---|---|---|
"""


def rows() -> Iterator[str]:
    """Yield a line of the table for each case that can be run here."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        for name, case in CASES.items():
            sys.stderr.write(f"{name}\n")
            found = bench.plain(case)
            if found is None:
                continue
            ours = case.ours(bench.model_file(case), Path(folder, f"{name}.lepton"))
            text = ours.text if len(ours.text) < 240 else f"{ours.text[:237]}…"
            yield f"| {case.title} | {case.said(found)} | {ours.outcome}: {text} |".replace("\n", " ")
        bench.close()


if __name__ == "__main__":
    text = HEADER + "\n".join(rows()) + "\n"
    Path(__file__).with_name("silent_failures.md").write_text(text, encoding="utf-8")
