"""Events: kept on disk the moment they happen, and handed over until everybody has them."""

from lepton_edge_runtime.events.delivery import Delivery
from lepton_edge_runtime.events.event import Event, Thing, decode_event, new_id
from lepton_edge_runtime.events.outbox import Outbox

__all__ = ["Delivery", "Event", "Outbox", "Thing", "decode_event", "new_id"]
