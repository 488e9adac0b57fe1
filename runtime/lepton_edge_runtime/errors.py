"""What can go wrong on a device, as a tree.

LeptonError                     LEPTON                any error of ours
├── MissingExtraError           MISSING_EXTRA         an optional part is not installed
├── BrokenExtraError            BROKEN_EXTRA          an optional part is installed and cannot be imported
├── BundleError                 BUNDLE_INVALID        a bundle that cannot be read or trusted
│   └── BundleVersionError      BUNDLE_VERSION        written by a newer Lepton Edge
├── ModelFileError              MODEL_FILE            a .tflite or .onnx file that cannot be read
├── BackendError                BACKEND               an engine refused the model, or there is no such engine
│   ├── GoldenMismatchError     GOLDEN_MISMATCH       the engine answers unlike the converter did
│   └── ModelCrashesError       MODEL_CRASHES         the model kills the process that loads it, or never answers
├── InputError                  INPUT                 an image or tensor that the model does not take
├── PreprocessError             PREPROCESS            a preprocessing that contradicts the model
├── OutputError                 OUTPUT                a bundle cannot be written where it was asked for
├── ProbeError                  PROBE                 a fresh process that looks at something failed or crashed
├── SinkError                   SINK                  a result or event that cannot be written, shown or handed over
│   └── SinkRefusedError        SINK_REFUSED          the receiver will never take this one
├── OutboxError                 OUTBOX                events that cannot be kept or read on the disk
├── TuningError                 TUNING                a stored choice that cannot be read, written or trusted
└── SourceError                 SOURCE                a camera, stream, video or folder failed
    ├── SourceNotFoundError     SOURCE_NOT_FOUND      there is no such source
    ├── SourceAuthError         SOURCE_AUTH           it wants another user or password
    ├── SourceFormatError       SOURCE_FORMAT         it is there, and holds no pictures
    └── SourceTimeoutError      SOURCE_TIMEOUT        it stopped answering
"""

from contextlib import suppress
from typing import ClassVar


class LeptonError(Exception):
    """Any error that Lepton Edge raises on purpose; ``code`` is stable across versions."""

    code: ClassVar[str] = "LEPTON"


class MissingExtraError(LeptonError):
    """An optional part is not installed; the message names the extra that brings it."""

    code = "MISSING_EXTRA"

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(what, extra)
        self.what = what
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.what} is not installed. Try: pip install {requirement(self.extra)}"


def requirement(extra: str) -> str:
    """Return what to install for an extra, in quotes: of the runtime-only distribution where that is here."""
    from importlib import metadata  # noqa: PLC0415 - slow to import, and only an error needs it

    for name in ("lepton-edge", "lepton-edge-runtime"):
        with suppress(metadata.PackageNotFoundError):
            metadata.distribution(name)
            return f"'{name}[{extra}]'"
    return f"'lepton-edge[{extra}]'"


class BrokenExtraError(LeptonError):
    """An optional part is installed and cannot be imported: something that it needs is missing or too old."""

    code = "BROKEN_EXTRA"


BROKEN = "is installed and cannot be imported"


def not_imported(problem: ImportError, what: str, *, package: str, extra: str, remedy: str) -> LeptonError:
    """Return the error for an optional part whose import failed: it is not installed, or it is broken.

    Args:
        problem: What the import raised.
        what: The part, for people.
        package: Its import name.
        extra: The extra that brings it.
        remedy: What to try where it is broken.
    """
    if isinstance(problem, ModuleNotFoundError) and problem.name == package:
        return MissingExtraError(what, extra)
    return BrokenExtraError(f"{what} {BROKEN}: {first_line(problem)}; {remedy}")


def first_line(problem: Exception) -> str:
    """Return the first line of a foreign error's words; some fill a page."""
    return next((line.strip() for line in str(problem).splitlines() if line.strip()), type(problem).__name__)


def typed_line(problem: Exception, *, most: int) -> str:
    """Return the type of a foreign error with the first line of its words, at most so many letters of them."""
    name = type(problem).__name__
    return f"{name}: {first_line(problem)[:most]}" if str(problem).strip() else name


class BundleError(LeptonError):
    """A bundle that cannot be read or trusted."""

    code = "BUNDLE_INVALID"


class BundleVersionError(BundleError):
    """A bundle of a format this version does not know."""

    code = "BUNDLE_VERSION"


class ModelFileError(LeptonError):
    """A ``.tflite`` or ``.onnx`` file that cannot be read."""

    code = "MODEL_FILE"


class BackendError(LeptonError):
    """An engine refused the model, or there is no such engine."""

    code = "BACKEND"


class GoldenMismatchError(BackendError):
    """An engine answers the golden samples otherwise than the converter did."""

    code = "GOLDEN_MISMATCH"


class ModelCrashesError(BackendError):
    """The model kills the process that loads it, or does not answer in time."""

    code = "MODEL_CRASHES"


class InputError(LeptonError):
    """An image or a tensor that the model does not take."""

    code = "INPUT"


class PreprocessError(LeptonError):
    """A preprocessing that contradicts the model or itself."""

    code = "PREPROCESS"


class OutputError(LeptonError):
    """A bundle cannot be written where it was asked for."""

    code = "OUTPUT"


class ProbeError(LeptonError):
    """A fresh process that looks at something failed or crashed."""

    code = "PROBE"


class SinkError(LeptonError):
    """A result or event that cannot be written, shown or handed over."""

    code = "SINK"


class SinkRefusedError(SinkError):
    """The receiver of an event has read it and will never take it."""

    code = "SINK_REFUSED"


class OutboxError(LeptonError):
    """Events that cannot be kept on the disk now, or be read from it."""

    code = "OUTBOX"


class TuningError(LeptonError):
    """A stored choice of engine that cannot be read, written or trusted."""

    code = "TUNING"


class SourceError(LeptonError):
    """A camera, stream, video or folder failed."""

    code = "SOURCE"


class SourceNotFoundError(SourceError):
    """There is no such camera, stream, file or folder."""

    code = "SOURCE_NOT_FOUND"


class SourceAuthError(SourceError):
    """A stream whose server wants a user and password, or other ones."""

    code = "SOURCE_AUTH"


class SourceFormatError(SourceError):
    """The source is there, and holds no pictures that can be read."""

    code = "SOURCE_FORMAT"


class SourceTimeoutError(SourceError):
    """A live source stopped answering."""

    code = "SOURCE_TIMEOUT"
