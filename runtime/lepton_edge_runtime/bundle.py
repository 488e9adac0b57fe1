"""The bundle, ``name.lepton``: the one file that crosses from workstation to device.

A zip whose members are stored, not compressed, with fixed dates. Reading treats it as hostile: every
member is named and hashed in the manifest, and anything unexpected is refused. docs/format.md has the
format byte by byte.
"""

import hashlib
import zipfile
from collections.abc import Mapping
from math import inf
from pathlib import Path

import msgspec

from lepton_edge_runtime.archive import StoredZip
from lepton_edge_runtime.atomic import check_place, replacing
from lepton_edge_runtime.card import FORMAT_VERSION, Card, check_card, refuse_newer
from lepton_edge_runtime.errors import BundleError, OutputError
from lepton_edge_runtime.text import is_plain
from lepton_edge_runtime.wire import decode_json

MANIFEST = "manifest.json"
SIGNATURE = "signature"
GOLDEN = "golden.npz"

_KERAS = {".keras", ".h5", ".hdf5"}
_MANIFEST_BYTES_MAX = 4 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest date a zip can hold: nothing dated goes in


class Provenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a bundle came from.

    Attributes:
        source: Name of the model that was converted.
        source_sha256: Of its file, or of its architecture and weights if it was in memory.
        data_sha256: Of the samples that calibrated and judged it; empty without samples.
        route: How each format was made.
        versions: Of the packages that made it.
    """

    source: str
    source_sha256: str
    data_sha256: str = ""
    route: dict[str, str] = {}
    versions: dict[str, str] = {}


class Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How one model file answered the held-out samples.

    Attributes:
        samples: How many there were.
        accuracy: Share answered right, 0 to 1; ``None`` without labels.
        float_accuracy: The same of the original model.
        agreement: Share decided as the original model decides; ``None`` where nothing is decided.
    """

    samples: int
    accuracy: float | None = None
    float_accuracy: float | None = None
    agreement: float | None = None

    def __post_init__(self) -> None:
        """Refuse what nobody measured."""
        shares = (self.accuracy, self.float_accuracy, self.agreement)
        if self.samples < 1 or any(share is not None and not 0 <= share <= 1 for share in shares):
            raise ValueError(f"shares of {self.samples} samples are 0 to 1, of 1 sample or more, not {shares}")


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a bundle says of itself.

    Attributes:
        card: What the model takes and answers.
        recipe: What was asked for, in the converter's words.
        tolerance: For each model file, how far its outputs may lie from the golden ones: stored steps for
            integer outputs, real units for float ones; one number an output.
        members: SHA-256, in hexadecimal, of every member but the manifest and the signature.
    """

    format: int = FORMAT_VERSION
    card: Card
    recipe: msgspec.Raw = msgspec.Raw(b"{}")
    provenance: Provenance
    measured: dict[str, Measured] = {}
    tolerance: dict[str, tuple[float, ...]] = {}
    members: dict[str, str]

    def __post_init__(self) -> None:
        """Refuse tolerances that are not one number an output."""
        for member, limits in self.tolerance.items():
            if len(limits) != len(self.card.outputs):
                raise ValueError(f"the tolerance of {member!r} is not one number for each output")
            if not all(0 <= limit < inf for limit in limits):
                raise ValueError(f"the tolerance of {member!r} is a distance, 0 or more, not {limits}")


class Bundle:
    """A bundle on disk whose manifest has been read and whose members are checked as they are read.

    Example:
        >>> bundle = Bundle("door.lepton")  # doctest: +SKIP
        >>> bundle.manifest.card.labels     # doctest: +SKIP
        ('closed', 'open')
    """

    def __init__(self, path: str | Path) -> None:
        """Read the manifest of ``path``.

        Raises:
            BundleError: The file is missing, no bundle, or not as its manifest says.
            BundleVersionError: A newer Lepton Edge wrote it.
        """
        self.path = Path(path)
        if self.path.suffix.lower() in _KERAS or (self.path / "saved_model.pb").is_file():
            raise BundleError(f"{self.path} is a Keras model, and no bundle; 'lepton-edge convert' makes one of it")
        with self._open() as archive:
            present = set(archive.entries) - {MANIFEST, SIGNATURE}
            text = self._manifest_text(archive)
        what = f"{self.path}: {MANIFEST}"
        refuse_newer(text)
        self.manifest = decode_json(text, Manifest, what=what, error=BundleError)
        check_card(self.manifest.card, error=BundleError)
        _refuse_unplain(self.manifest, what)
        named = set(self.manifest.members)
        if named != present:
            strays = ", ".join(map(repr, sorted(named ^ present)))
            raise BundleError(f"{self.path}: the manifest and the archive name different members: {strays}")

    @property
    def card(self) -> Card:
        """What the model takes, what it answers, and what its answers mean."""
        return self.manifest.card

    def __contains__(self, member: str) -> bool:
        return member in self.manifest.members

    def member(self, name: str, *, bytes_max: int | None = None) -> bytes:
        """Return a member's bytes, once they have the hash that the manifest gives.

        Args:
            name: Of the member.
            bytes_max: How large it may be; it is not read if it is larger.

        Raises:
            BundleError: There is no such member, it is too large, or it was changed.
        """
        if name not in self:
            raise BundleError(f"{self.path} has no member {name!r}; there are: {', '.join(self.manifest.members)}")
        with self._open() as archive:
            if bytes_max is not None and archive.entries[name].file_size > bytes_max:
                raise BundleError(f"{self.path}: {name} is larger than {bytes_max >> 20} MB")
            content = archive.read(name)
        if hashlib.sha256(content).hexdigest() != self.manifest.members[name]:
            raise BundleError(f"{self.path}: {name} is not the file that the manifest describes (wrong SHA-256)")
        return content

    def _open(self) -> StoredZip:
        # Opened anew for each member, so that no file stays open: the hash tells if it was exchanged meanwhile.
        return StoredZip(self.path, title=str(self.path), kind="bundle", error=BundleError)

    def _manifest_text(self, archive: StoredZip) -> bytes:
        if MANIFEST not in archive.entries:
            raise BundleError(f"{self.path} is no bundle: it has no {MANIFEST}")
        if archive.entries[MANIFEST].file_size > _MANIFEST_BYTES_MAX:
            raise BundleError(f"{self.path}: {MANIFEST} is larger than {_MANIFEST_BYTES_MAX >> 20} MB")
        return archive.read(MANIFEST)


def _refuse_unplain(manifest: Manifest, what: str) -> None:
    """Refuse words that would steer the terminal they are shown on."""
    origin = manifest.provenance
    named = (*origin.route, *origin.versions, *manifest.measured, *manifest.tolerance, *manifest.members)
    said = (origin.source, origin.source_sha256, origin.data_sha256, *origin.route.values(), *origin.versions.values())
    for text in (*named, *said):
        if not is_plain(text):
            raise BundleError(f"{what} has a word with characters that cannot be shown: {text!r}")


def check_output(output: Path, *, force: bool) -> Path:
    """Return where a bundle will be written, or raise OutputError if it cannot or must not be written there."""
    if output.suffix != ".lepton":
        raise OutputError(f"a bundle is called NAME.lepton, not {output.name}")
    return check_place(output, force=force)


def write_bundle(path: Path, manifest: Manifest, members: Mapping[str, bytes]) -> None:
    """Write a bundle under a temporary name and move it into place; the same input gives the same bytes.

    The manifest's ``members`` are filled in here.
    """
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(members.items())}
    text = msgspec.json.encode(msgspec.structs.replace(manifest, members=hashes), order="deterministic")
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in [(MANIFEST, text), *sorted(members.items())]:
            archive.writestr(_entry(name), content)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=_EPOCH)
    entry.create_system = 3  # Unix, whatever machine writes it
    entry.external_attr = 0o644 << 16
    return entry
