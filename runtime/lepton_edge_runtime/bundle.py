"""The bundle, ``name.lepton``: the one file that crosses from workstation to device.

A zip whose members are stored, not compressed, with fixed dates. Reading treats it as hostile: every
member is named and hashed in the manifest, and anything unexpected is refused. docs/format.md has the
format byte by byte.
"""

import hashlib
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from lepton_edge_runtime.atomic import replacing
from lepton_edge_runtime.card import FORMAT_VERSION, Card, refuse_newer
from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.wire import decode_json

MANIFEST = "manifest.json"
SIGNATURE = "signature"
GOLDEN = "golden.npz"

_MEMBER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_MEMBERS_MAX = 64
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
        with self._open() as archive:
            entries = _checked_entries(self.path, archive)
            text = _read(self.path, archive, MANIFEST)
        refuse_newer(text)
        self.manifest = decode_json(text, Manifest, what=f"{self.path}: {MANIFEST}", error=BundleError)
        named = set(self.manifest.members)
        present = set(entries) - {MANIFEST, SIGNATURE}
        if named != present:
            strays = ", ".join(sorted(named ^ present))
            raise BundleError(f"{self.path}: the manifest and the archive name different members: {strays}")

    @property
    def card(self) -> Card:
        """What the model takes, what it answers, and what its answers mean."""
        return self.manifest.card

    def __contains__(self, member: str) -> bool:
        return member in self.manifest.members

    def member(self, name: str) -> bytes:
        """Return a member's bytes, once they have the hash that the manifest gives.

        Raises:
            BundleError: There is no such member, or it was changed.
        """
        if name not in self:
            raise BundleError(f"{self.path} has no member {name!r}; there are: {', '.join(self.manifest.members)}")
        with self._open() as archive:
            content = _read(self.path, archive, name)
        if hashlib.sha256(content).hexdigest() != self.manifest.members[name]:
            raise BundleError(f"{self.path}: {name} is not the file that the manifest describes (wrong SHA-256)")
        return content

    def _open(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except OSError as problem:
            raise BundleError(f"cannot read {self.path}: {problem.strerror}") from problem
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as problem:
            raise BundleError(f"{self.path} is no bundle: {problem}") from problem


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


def _checked_entries(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the archive's entries by name, or refuse the archive."""
    entries = archive.infolist()
    if len(entries) > _MEMBERS_MAX:
        raise BundleError(f"{path} has {len(entries)} members; a bundle has at most {_MEMBERS_MAX}")
    by_name: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        if not _MEMBER_NAME.fullmatch(entry.filename):
            raise BundleError(f"{path} has a member named {entry.filename!r}; names are plain file names")
        if entry.filename in by_name:
            raise BundleError(f"{path} has two members named {entry.filename!r}")
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise BundleError(f"{path}: {entry.filename} is compressed; members of a bundle are stored")
        if entry.flag_bits & 1:
            raise BundleError(f"{path}: {entry.filename} is encrypted; members of a bundle are not")
        by_name[entry.filename] = entry
    if MANIFEST not in by_name:
        raise BundleError(f"{path} is no bundle: it has no {MANIFEST}")
    if by_name[MANIFEST].file_size > _MANIFEST_BYTES_MAX:
        raise BundleError(f"{path}: {MANIFEST} is larger than {_MANIFEST_BYTES_MAX >> 20} MB")
    if sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise BundleError(f"{path}: its members overlap, or are cut off")
    return by_name


def _read(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        return archive.read(name)
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError) as problem:
        raise BundleError(f"{path}: {name} cannot be read: {problem}") from problem
