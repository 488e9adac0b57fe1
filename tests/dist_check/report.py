"""The outcome, as tables for people and as plain values for programs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.table import Cell, Table
from dist_check.builds import Built
from dist_check.finding import Finding
from dist_check.trial import Trial


def tables(distributions: Mapping[str, Built], trials: Sequence[Trial], findings: Sequence[Finding]) -> list[Table]:
    """Return the files built, the kits installed, and the checks."""
    return [_files(distributions), _kits(trials), _checks(findings)]


def as_values(
    distributions: Mapping[str, Built], trials: Sequence[Trial], findings: Sequence[Finding]
) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    files = [path for built in distributions.values() for path in (built.sdist, built.wheel)]
    return {
        "files": {path.name: path.stat().st_size for path in files},
        "kits": [_kit_values(trial) for trial in trials],
        "checks": [{"where": one.where, "check": one.check, "problems": list(one.problems)} for one in findings],
    }


def problems(findings: Iterable[Finding]) -> list[str]:
    """Return a line for each problem."""
    return [f"{one.where}: {one.check}\n  {problem}" for one in findings for problem in one.problems]


def _files(distributions: Mapping[str, Built]) -> Table:
    files = [path for built in distributions.values() for path in (built.sdist, built.wheel)]
    return Table("Files built", ("file", "bytes"), tuple((path.name, path.stat().st_size) for path in files))


def _kits(trials: Iterable[Trial]) -> Table:
    columns = (
        "kit",
        "pip install",
        "MB",
        "MB over the stack",
        "distributions",
        "import, CPU ms",
        "loads",
    )
    rows: list[tuple[Cell, ...]] = []
    notes = ["MB: a million bytes of files, compiled Python left out; over the stack: beside numpy, OpenCV and LiteRT."]
    for trial in trials:
        kit, one = trial.kit, trial.installed
        requirement = f"{kit.distribution}[{kit.extra}]" if kit.extra else kit.distribution
        if one is None:
            rows.append((kit.name, requirement, None, None, None, None, "not installed"))
            continue
        total, over, loads = sum(one.sizes.values()) / 1e6, one.over_engine_stack / 1e6, ", ".join(one.heavy) or "none"
        rows.append((kit.name, requirement, total, over, len(one.sizes), one.import_ms, loads))
        notes.append(f"{kit.name}: {', '.join(sorted(one.sizes, key=str.lower))}")
    return Table("Clean environments", columns, tuple(rows), tuple(notes))


def _checks(findings: Iterable[Finding]) -> Table:
    places: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        places[finding.check].append(finding)
    held = {check: f"{sum(not one.problems for one in found)} of {len(found)}" for check, found in places.items()}
    return Table("Checks", ("held", "what must be true"), tuple((count, check) for check, count in held.items()))


def _kit_values(trial: Trial) -> dict[str, Any]:
    kit, one = trial.kit, trial.installed
    values: dict[str, Any] = {"name": kit.name, "distribution": kit.distribution, "extra": kit.extra}
    values["seconds"] = round(trial.seconds, 1)
    if one is not None:
        values |= {
            "bytes": sum(one.sizes.values()),
            "bytes_over_engine_stack": one.over_engine_stack,
            "distributions": one.sizes,
            "import_cpu_ms": round(one.import_ms, 2),
            "import_loads": list(one.heavy),
        }
    return values
