"""A stage: carried out in the worker, or taken from the cache where it was carried out before."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from lepton_edge_converters.stages.cache import StageCache
from lepton_edge_converters.stages.digest import digest
from lepton_edge_converters.worker import Progress, Worker

T = TypeVar("T")

_PACKAGE = "lepton_edge_converters"


def run_stage(
    worker: Worker,
    cache: StageCache | None,
    job: str,
    *arguments: Any,
    gives: type[T],
    makes: Path | None = None,
    also: tuple[Any, ...] = (),
    keeps: Callable[[T], bool] | None = None,
    progress: Progress | None = None,
) -> T:
    """Return what a job of this package gives for these arguments.

    A stage is known by all that it gets: every argument, files by their content, and what surrounds it. So nothing
    that is handed to a job can be forgotten; what a job finds without being handed it must be named in ``also``.

    Args:
        worker: Carries it out.
        cache: Where it may have been kept; ``None`` to carry it out.
        job: ``module:function`` of this package, the module without the package's name.
        arguments: Values that pickle, and that ``digest`` knows.
        gives: Type of what it returns.
        makes: The file or folder that it writes or changes, which is one of the arguments.
        also: What else its result depends on.
        keeps: Whether a result is worth keeping; by default each is.
        progress: Called as the job reports how far it is.

    Raises:
        LeptonError: As the job raised it, or as the worker does.
    """
    name = f"{_PACKAGE}.{job}"
    if cache is None:
        return worker.call(name, *arguments, progress=progress)  # type: ignore[no-any-return]  # the job's own type
    key = digest(cache.surroundings, name, arguments, also)
    found = cache.look_up(key, gives, makes)
    if found is not None:
        cache.count(job, reused=True)
        return found[0]
    value: T = worker.call(name, *arguments, progress=progress)
    cache.count(job, reused=False)
    if keeps is None or keeps(value):
        cache.keep(key, value, makes)
    return value
