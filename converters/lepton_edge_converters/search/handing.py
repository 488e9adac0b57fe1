"""Points handed to whoever makes them."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import contextmanager

from lepton_edge_converters.errors import WorkerCrashedError
from lepton_edge_converters.search.job import PointJob, make_point
from lepton_edge_converters.search.local import local_processes
from lepton_edge_converters.worker import Progress


def make_points(points: Sequence[PointJob], executor: Executor | None, jobs: int, progress: Progress) -> None:
    """Have points made, by an executor or by so many local processes.

    Raises:
        LeptonError: One could not be made, nor any other; what is being made is given up, what is made stays.
    """
    if not points:
        return
    try:
        with _makers(executor, jobs) as (makers, at_once):
            _hand_over(points, makers, at_once, progress)
    except BrokenExecutor as broken:
        raise WorkerCrashedError(
            "a process that makes points ended: for want of memory, perhaps, or, in Python, because the script that "
            'calls search() does not do so below: if __name__ == "__main__":. Points that are whole stay; called '
            "again, the search makes the others"
        ) from broken


@contextmanager
def _makers(given: Executor | None, jobs: int) -> Iterator[tuple[Executor, int]]:
    """Yield who makes points, and how many are handed over at a time; a given executor is the caller's to end."""
    if given is not None:
        yield given, 0
        return
    # No more than can be begun: what waits inside of a pool of processes cannot be taken back.
    with local_processes(jobs) as local:
        yield local, jobs


def _hand_over(points: Sequence[PointJob], makers: Executor, at_once: int, progress: Progress) -> None:
    """Hand points over, as many at once as may be, all of them for 0, until all are made."""
    waiting = deque(points)
    running: dict[Future[None], PointJob] = {}
    try:
        while waiting or running:
            while waiting and (not at_once or len(running) < at_once):
                point = waiting.popleft()
                running[makers.submit(make_point, point)] = point
            made = len(points) - len(waiting) - len(running)
            names = ", ".join(point.bundle.stem for point in list(running.values())[: at_once or 1])
            progress(f"{names}: point", made + 1, len(points))
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                del running[future]
                future.result()
    finally:
        for future in running:
            future.cancel()
