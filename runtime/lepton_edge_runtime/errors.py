"""What can go wrong on a device, as a tree.

LeptonError                     LEPTON                any error of ours
├── MissingExtraError           MISSING_EXTRA         an optional part is not installed
├── BundleError                 BUNDLE_INVALID        a bundle that cannot be read or trusted
│   └── BundleVersionError      BUNDLE_VERSION        written by a newer Lepton Edge
├── ModelFileError              MODEL_FILE            a .tflite or .onnx file that cannot be read
├── BackendError                BACKEND               an engine refused the model, or there is no such engine
│   ├── GoldenMismatchError     GOLDEN_MISMATCH       the engine answers unlike the converter did
│   └── ModelCrashesError       MODEL_CRASHES         the model kills the process that loads it, or never answers
├── InputError                  INPUT                 an image or tensor that the model does not take
├── PreprocessError             PREPROCESS            a preprocessing that contradicts the model
├── OutputError                 OUTPUT                a bundle cannot be written where it was asked for
├── SinkError                   SINK                  a result that cannot be written or shown
└── SourceError                 SOURCE                a camera, video or folder failed
    ├── SourceNotFoundError     SOURCE_NOT_FOUND      there is no such source
    ├── SourceFormatError       SOURCE_FORMAT         it is there, and holds no pictures
    └── SourceTimeoutError      SOURCE_TIMEOUT        it stopped answering
"""

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
        return f"{self.what} is not installed. Try: pip install 'lepton-edge[{self.extra}]'"


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


class SinkError(LeptonError):
    """A result that cannot be written or shown."""

    code = "SINK"


class SourceError(LeptonError):
    """A camera, video or folder failed."""

    code = "SOURCE"


class SourceNotFoundError(SourceError):
    """There is no such camera, file or folder."""

    code = "SOURCE_NOT_FOUND"


class SourceFormatError(SourceError):
    """The source is there, and holds no pictures that can be read."""

    code = "SOURCE_FORMAT"


class SourceTimeoutError(SourceError):
    """A live source stopped answering."""

    code = "SOURCE_TIMEOUT"
