"""Peers, each in its own process, asked in turn: round after round, so that a busy machine slows all of them alike."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import Any, Self

import msgspec
import numpy as np

from benchmarks.children import Child
from benchmarks.peers.agreement import agreement
from benchmarks.peers.cases import Case
from benchmarks.peers.environments import import_path, installed_mb, python_of
from benchmarks.peers.protocol import Job, Named
from benchmarks.peers.rows import PEERS, Peer


class Measured(msgspec.Struct, frozen=True):
    """What is known of one peer in one case; times in ms, of the rounds one each.

    Attributes:
        refused: Why it was not measured; all else is empty then.
        kind: Of file it ran.
        versions: Of its packages.
        import_ms, load_ms: Of each start.
        resident_mb: After the first answer, of each start.
        installed_mb: Its packages.
        rounds: Medians of a frame's time.
        cpu: Of the processors' time that a frame took, all threads together, means.
        agrees: Share of what it said that the reference said too; of the reference, that is true.
    """

    refused: str = ""
    kind: str = ""
    versions: Mapping[str, str] = {}
    import_ms: tuple[float, ...] = ()
    load_ms: tuple[float, ...] = ()
    resident_mb: tuple[float, ...] = ()
    installed_mb: float = 0.0
    rounds: tuple[float, ...] = ()
    cpu: tuple[float, ...] = ()
    agrees: float | None = None


class Running:
    """A peer's process; to be used in a ``with``, whose end ends it."""

    def __init__(self, peer: Peer, job: Job, python: Path, path: str) -> None:
        self._job = job
        self._child = Child("peers.protocol", peer.module, str(job.threads), python=python, path=path)

    def ask(self, do: str, **more: object) -> Any:
        """Return what the process answers.

        Raises:
            RuntimeError: It has ended; its last words.
        """
        return json.loads(self._child.ask(json.dumps({"do": do, **more})))

    def start(self, frame: Path) -> dict[str, Any]:
        """Import and load, and return what both took; ``cannot`` says why it does not serve."""
        imported = self.ask("import")
        loaded: dict[str, Any] = self.ask("load", job=asdict(self._job), frame=str(frame))
        return {**loaded, "import": imported["wall"]}

    def answers(self, frames: str) -> list[list[Named]]:
        """Return what is on each frame."""
        return [[Named(*one) for one in found] for found in self.ask("answers", frames=frames)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ending: object) -> None:
        self._child.end()


def measure(
    case: Case, folder: Path, names: Sequence[str], *, threads: int, starts: int, rounds: int, calls: int
) -> dict[str, Measured]:
    """Return what was measured of each peer named, in the order of ``PEERS``.

    Args:
        case: What to run.
        folder: Where the environments are.
        names: Of peers; the first that serves is the reference of ``agrees``.
        threads: Of each engine, and cores of each process.
        starts: Fresh processes each, of which the last goes on.
        rounds: In each, every peer answers ``calls`` frames, one peer after the other.
        calls: Frames a round.
    """
    found: dict[str, Measured] = {}
    with ExitStack() as stack:
        running: dict[str, Running] = {}
        frame = _first_frame(case, folder)
        for turn in range(starts):
            for name in names:
                if name not in found or not found[name].refused:
                    found[name], one = _started(name, case, folder, threads, frame, found.get(name, Measured()))
                    if one and turn == starts - 1:
                        running[name] = stack.enter_context(one)
                    elif one:
                        with one:
                            pass
        said: dict[str, list[list[Named]]] = {}
        for name, one in list(running.items()):
            with suppress(RuntimeError):
                said[name] = one.answers(case.frames)
                found[name] = msgspec.structs.replace(found[name], versions=one.ask("versions"))
        _, *timed = interleaved({name: running[name] for name in said}, rounds=rounds + 1, calls=calls)
    for name, answers in said.items():
        others = case.truth or None if name == next(iter(said)) else said[next(iter(said))]
        found[name] = msgspec.structs.replace(
            found[name],
            agrees=agreement(others, answers, case.job.min_score) if others else None,
            rounds=tuple(median(turn[name]["walls"]) / 1e6 for turn in timed),
            cpu=tuple(turn[name]["cpu"] / calls / 1e6 for turn in timed),
            installed_mb=installed_mb(folder, PEERS[name].environment),
        )
    return {name: found[name] for name in PEERS if name in found}


def interleaved(peers: Mapping[str, Running], *, rounds: int, calls: int) -> list[dict[str, Any]]:
    """Return what each round took, by peer; each round begins with the peer after the one that began the last."""
    names = list(peers)
    done = []
    for turn in range(rounds):
        begin = turn % len(names) if names else 0
        done.append({name: peers[name].ask("round", calls=calls) for name in names[begin:] + names[:begin]})
    return done


def _started(
    name: str, case: Case, folder: Path, threads: int, frame: Path, before: Measured
) -> tuple[Measured, Running | None]:
    """Return what is known with one start more, and the process; ``None`` where the peer does not serve."""
    peer = PEERS[name]
    kind = next((one for one in peer.reads if one in case.files), None)
    python = python_of(folder, peer.environment)
    if kind is None:
        return Measured(refused=f"no file that it reads ({' or '.join(peer.reads)})"), None
    if not python.exists():
        return Measured(refused="its environment is not set up"), None
    job = replace(case.job, file=case.files[kind], threads=threads)
    running = Running(peer, job, python, import_path(peer.environment))
    try:
        took = running.start(frame)
    except RuntimeError as ended:
        took = {"cannot": str(ended)}
    if "cannot" in took:
        with running:
            return Measured(refused=_short(took["cannot"])), None
    more = msgspec.structs.replace(
        before,
        kind=kind,
        import_ms=(*before.import_ms, took["import"] / 1e6),
        load_ms=(*before.load_ms, took["wall"] / 1e6),
        resident_mb=(*before.resident_mb, took["now_mb"]),
    )
    return more, running


def _short(why: str) -> str:
    """Return the last line of a message that ends a process, and the first of any other, without what is too long."""
    lines = [line.strip() for line in why.splitlines() if line.strip()]
    line = lines[-1] if "ended with code" in lines[0] else lines[0]
    return line if len(line) <= 200 else f"{line[:199]}…"


def _first_frame(case: Case, folder: Path) -> Path:

    path = folder / "first_frame.npy"
    np.save(path, np.load(case.frames, mmap_mode="r")[0])
    return path
