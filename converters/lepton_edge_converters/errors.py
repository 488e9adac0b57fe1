"""What can go wrong on the workstation, as a tree under the device's ``LeptonError``.

LeptonError
├── RecipeError                 RECIPE                a recipe that cannot be read, or asks for what there is not
├── LoadError                   LOAD                  a model that cannot be loaded or converted
├── SamplesError                SAMPLES               pictures or arrays that do not fit the model
├── MetricError                 METRIC                a metric that there is not, is for other outputs, or fails
├── TrainingError               TRAINING              a model that cannot be trained as asked, or whose training failed
├── ConversionError             CONVERSION            a converter library refused the model
│   └── WorkerCrashedError      WORKER_CRASHED        ... or killed its process
├── PruneError                  PRUNE                 a model that cannot be pruned, or not as far as asked
├── LockError                   LOCK                  a lock that is not there, or cannot be read
│   └── LockMismatchError       LOCK_MISMATCH         ... or holds for other things than there are now
└── GateRefusedError            GATE                  the converted model is not good enough to ship
"""

from pathlib import Path
from typing import TYPE_CHECKING

from lepton_edge_runtime.errors import LeptonError

if TYPE_CHECKING:
    from lepton_edge_converters.report import Report


class RecipeError(LeptonError):
    """A recipe that cannot be read, or asks for what there is not."""

    code = "RECIPE"


class LoadError(LeptonError):
    """A model that cannot be loaded, or of a kind that cannot be converted."""

    code = "LOAD"


class SamplesError(LeptonError):
    """Pictures, arrays or labels that do not fit the model."""

    code = "SAMPLES"


class MetricError(LeptonError):
    """A metric that there is not, that is for other outputs than the model's, or a user's own that fails."""

    code = "METRIC"


class TrainingError(LeptonError):
    """A model that cannot be trained again as asked, or whose training failed."""

    code = "TRAINING"


class ConversionError(LeptonError):
    """A converter library refused the model."""

    code = "CONVERSION"


class WorkerCrashedError(ConversionError):
    """A converter library killed the process it ran in."""

    code = "WORKER_CRASHED"


class PruneError(LeptonError):
    """A model whose channels cannot be removed, or not as many as were asked for."""

    code = "PRUNE"


class LockError(LeptonError):
    """A bundle's lock that is not there, or cannot be read."""

    code = "LOCK"


class LockMismatchError(LockError):
    """The build is not the one that the lock describes; nothing was written.

    Attributes:
        differences: One sentence each.
    """

    code = "LOCK_MISMATCH"

    def __init__(self, lock: Path, differences: tuple[str, ...]) -> None:
        self.differences = differences
        super().__init__(f"the build is not the one that {lock} describes: {'; '.join(differences)}")


class GateRefusedError(LeptonError):
    """The converted model is not good enough to ship; nothing was written.

    Attributes:
        report: What was measured, with the gates that refused.
    """

    code = "GATE"

    def __init__(self, report: "Report") -> None:
        self.report = report
        refused = "; ".join(f"{gate.name}: {gate.detail}" for gate in report.gates if not gate.passed)
        super().__init__(f"the converted model was refused: {refused}")
