"""Events for tests."""

from datetime import UTC, datetime

from lepton_edge_runtime.events import Event, Thing


def event(name="e", serial=0, state="new", at=None):
    moment = at or datetime.now(UTC)
    thing = Thing(track_id=3, label="person", score=0.9, box=(1.0, 2.0, 3.0, 4.0))
    return Event(
        id=name, serial=serial, state=state, camera="door", rule="yard", kind="inside", began=moment, at=moment,
        things=(thing,),
    )  # fmt: skip
