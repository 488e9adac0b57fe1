"""The widths that a round has chosen, kept beside the state of its training: times are not measured twice alike."""

from pathlib import Path

import msgspec

from lepton_edge_converters.errors import PruneError
from lepton_edge_runtime.atomic import replacing


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a round has chosen.

    Attributes:
        asked: Digest of the model, the settings and the samples that it was chosen for.
        widths: Of each group, what is left.
        importance: Share of the importance that they keep.
        milliseconds: Measured of the model that has them; ``None`` where the budget is of no time.
    """

    asked: str
    widths: dict[str, int]
    importance: float
    milliseconds: float | None = None


def read_choice(folder: Path, asked: str) -> Choice | None:
    """Return the choice kept in a round's folder, ``None`` where there is none yet.

    Raises:
        PruneError: It cannot be read, or was made for something else.
    """
    path = folder / _NAME
    try:
        choice = msgspec.json.decode(path.read_bytes(), type=Choice)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as problem:
        raise PruneError(f"the checkpoint {path} cannot be read ({problem}); remove it to begin anew") from problem
    if choice.asked != asked:
        raise PruneError(
            f"the checkpoint {path} is of another model, other samples or other settings; name another folder, or "
            "remove it to begin anew"
        )
    return choice


def keep_choice(folder: Path, choice: Choice) -> None:
    """Keep a choice in a round's folder, which is made if need be.

    Raises:
        PruneError: It cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / _NAME) as file:
            file.write(msgspec.json.format(msgspec.json.encode(choice)))
    except OSError as problem:
        raise PruneError(f"cannot write the checkpoint {folder}: {problem.strerror or problem}") from problem


_NAME = "widths.json"
