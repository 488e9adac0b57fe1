"""What the doctor says: findings, and the worst of them."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["good", "note", "problem"]
"""``good``: as it should be; ``note``: worth knowing, nothing is broken; ``problem``: something will not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        topic: Row of ``TOPICS``; filled in by ``doctor``.
        what: What was looked at.
        state: How it is.
        detail: What was found, and what follows from it.
        mend: The command or the step that mends it; empty where nothing is to be done.
    """

    what: str
    state: State
    detail: str
    mend: str = ""
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings about a machine and what is installed on it."""

    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What will not work."""
        return tuple(one for one in self.findings if one.state == "problem")

    @property
    def healthy(self) -> bool:
        """Whether there is no problem."""
        return not self.problems

    def find(self, what: str) -> Finding:
        """Return the finding about ``what``; raise KeyError if there is none."""
        for one in self.findings:
            if one.what == what:
                return one
        raise KeyError(what)

    def to_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {"healthy": self.healthy, "findings": [asdict(one) for one in self.findings]}
