"""One point, made: the function that an executor gets, with paths and settings alone."""

from dataclasses import dataclass
from pathlib import Path

from lepton_edge_converters.errors import (
    ConversionError,
    GateRefusedError,
    PruneError,
    TrainingError,
    WorkerCrashedError,
)
from lepton_edge_converters.lock import lock_path
from lepton_edge_converters.pipeline import convert
from lepton_edge_converters.recipe import Recipe
from lepton_edge_converters.said import Said
from lepton_edge_converters.search.asked import loosened
from lepton_edge_converters.search.stamp import Stamp, write_stamp


@dataclass(frozen=True, slots=True)
class PointJob:
    """What a point is made of: values that pickle, and paths that whoever carries it out must see.

    Attributes:
        model: Its file or folder.
        bundle: To write.
        data, train_data: Samples.
        recipe: What to do.
        said: What the user said of the model.
        key: What all of this is known by.
        custom, trust, images, cache: As ``convert`` takes them.
        verbose: Likewise.
    """

    model: Path
    bundle: Path
    data: Path
    train_data: Path | None
    recipe: Recipe
    said: Said
    key: str
    custom: tuple[str, ...] = ()
    trust: bool = False
    images: bool = True
    cache: Path | None = None
    verbose: bool = False


def make_point(job: PointJob) -> None:
    """Convert as the job says, and leave bundle, report, lock and stamp, or the stamp alone of what cannot be made.

    The recipe's own gates are asked first. What they refuse is converted without them, from what the cache kept, and
    the stamp has what they said.

    Raises:
        LeptonError: Model, samples or settings are not usable: no other point would be made either.
    """
    write_stamp(job.bundle, Stamp(key=job.key))
    refused: tuple[str, ...] = ()
    problem, crashed = "", False
    try:
        try:
            _convert(job, job.recipe)
        except GateRefusedError as error:
            refused = tuple(f"{gate.name}: {gate.detail}" for gate in error.report.gates if not gate.passed)
            _convert(job, loosened(job.recipe))
    except GateRefusedError:
        problem = f"no file that could ship: {'; '.join(refused)}"
    except (ConversionError, PruneError, TrainingError) as error:
        problem = str(error)
        crashed = isinstance(error, WorkerCrashedError)  # for want of memory, perhaps: another run may have more
    if problem:
        _remove(job.bundle)
    write_stamp(job.bundle, Stamp(key=job.key, done=not crashed, refused=refused, problem=problem))


def _remove(bundle: Path) -> None:
    """Take away what an earlier search left of a point that cannot be made now."""
    for path in (bundle, lock_path(bundle), *(bundle.with_suffix(f".report.{kind}") for kind in ("json", "html"))):
        path.unlink(missing_ok=True)


def _convert(job: PointJob, recipe: Recipe) -> None:
    said = job.said
    convert(
        job.model,
        job.bundle,
        data=job.data,
        train_data=job.train_data if recipe.may_train else None,  # with all channels there may be nothing to train
        labels=said.labels or None,
        recipe=recipe,
        preprocess=said.preprocess,
        task=said.task,
        signature=said.signature,
        custom=job.custom,
        trust=job.trust,
        images=job.images,
        cache=job.cache,
        force=True,
        verbose=job.verbose,
    )
