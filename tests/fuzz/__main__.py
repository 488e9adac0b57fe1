"""Fuzz the readers, or the engines through the probe: ``make fuzz ARGS="--group models --seconds 600"``.

Every input follows from the seed and its number, so a crash is repeated with ``--first NUMBER --inputs 1``. Of a reader
only errors of ours may come, nothing may be written outside its folder, no process started, no socket opened, and
memory and time are bounded.
"""

import argparse
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from fuzz.targets import engines, readers

from lepton_edge_runtime.errors import LeptonError

_MEMORY_BYTES = 1 << 30  # on top of what the engines' libraries take when they are loaded
_SECONDS_MAX = 10.0  # of the processor's time: other programs must not make a reader slow
_WAIT_SECONDS_MAX = 60.0


class TooSlowError(KeyboardInterrupt):
    """An input that keeps its reader busy."""


@dataclass
class Tally:
    inputs: int = 0
    accepted: int = 0
    slowest_seconds: float = 0.0
    slowest: int = 0
    refused: Counter = field(default_factory=Counter)
    crashes: list = field(default_factory=list)

    def __str__(self):
        refused = ", ".join(f"{code} {count:,}" for code, count in self.refused.most_common()) or "none"
        return (
            f"{self.inputs:,} inputs: {self.accepted:,} accepted, refused: {refused}; slowest "
            f"{self.slowest_seconds * 1000:.0f} ms (number {self.slowest}); {len(self.crashes)} crashes"
        )


def fuzz(target, folder, *, seed, first, inputs, seconds, tally):
    end = time.monotonic() + seconds
    for number in range(first, first + inputs):
        if time.monotonic() > end:
            break
        rng = np.random.default_rng([seed, number])
        whole = target.seeds[int(rng.integers(len(target.seeds)))]
        data = target.mutate(whole, rng)
        begin = time.perf_counter()
        signal.setitimer(signal.ITIMER_PROF, _SECONDS_MAX)
        signal.setitimer(signal.ITIMER_REAL, _WAIT_SECONDS_MAX)
        try:
            target.read(data, folder)
            tally.accepted += 1
        except LeptonError as refused:
            how = re.search(r"\((SIG\w+|exit code \d+)\)|took longer", str(refused))
            tally.refused[f"{refused.code} {how[0].strip('()')}" if how else refused.code] += 1
        except (Exception, TooSlowError) as crash:
            tally.crashes.append((number, f"{type(crash).__name__}: {crash}"[:300], traceback.format_exc()))
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
        tally.inputs += 1
        if (took := time.perf_counter() - begin) > tally.slowest_seconds:
            tally.slowest_seconds, tally.slowest = took, number


def guard(folder):
    """Refuse what no reader has to do, and bound the memory of this process; return a switch that ends the first."""
    guarding = [True]

    def hook(event, arguments):
        if not guarding:
            return
        if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
            if not Path(str(arguments[0])).resolve().is_relative_to(folder):
                raise RuntimeError(f"a reader writes into {arguments[0]}")
        elif event in ("os.remove", "os.rename", "os.mkdir", "os.system", "subprocess.Popen", "socket.connect"):
            raise RuntimeError(f"a reader does {event} {arguments}")

    sys.addaudithook(hook)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    return guarding.clear


def too_slow(number, frame):
    most = _SECONDS_MAX if number == signal.SIGPROF else _WAIT_SECONDS_MAX
    raise TooSlowError(f"more than {most:g} s")


def main():
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--group", choices=["bundle", "models", "engines", "bare-engines"], action="append")
    parser.add_argument("--target", help="one of the group's readers only")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--inputs", type=int, default=1 << 62)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each group")
    options = parser.parse_args()
    for one in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(one, too_slow)
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        for group in options.group or ["bundle", "models"]:
            failed |= fuzz_group(group, folder, options)
    return int(failed)


def fuzz_group(group, folder, options):
    probe = None
    if group.endswith("engines"):
        targets, probe = engines(folder, checked=group == "engines")
    else:
        targets = readers(folder)[group]
    chosen = {name: target for name, target in targets.items() if options.target in (None, name)}
    for target in chosen.values():
        with suppress(LeptonError):
            target.read(target.seeds[0], folder)  # what is imported late is imported now
    finish = guard(folder) if probe is None else probe.close
    crashed = False
    for name, target in chosen.items():
        tally = Tally()
        share = options.seconds / len(chosen)
        fuzz(target, folder, seed=options.seed, first=options.first, inputs=options.inputs, seconds=share, tally=tally)
        print(f"{group} {name}: {tally}", flush=True)
        for number, message, trace in tally.crashes[:20]:
            crashed = True
            print(f"  --target {name} --seed {options.seed} --first {number} --inputs 1: {message}\n{trace}")
    finish()
    return crashed


if __name__ == "__main__":
    sys.exit(main())
