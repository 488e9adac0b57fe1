"""What only a Raspberry Pi has: its model, its power supply, its heat."""

from collections.abc import Iterator

from lepton_edge_runtime.diagnosis.finding import Finding
from lepton_edge_runtime.diagnosis.surroundings import Surroundings

_HOT_CELSIUS = 80.0
_THROTTLED = "sys/devices/platform/soc*/*:firmware/get_throttled"
# Bits of get_throttled, as Raspberry Pi's documentation of vcgencmd numbers them; 16 higher: since it was switched on.
_BITS = {
    0: "the voltage is too low",
    1: "the clock is capped",
    2: "the clock is throttled",
    3: "it is too hot",
}
_SINCE_BOOT = 16
_POWER = "use the power supply made for this model, and a short cable"
_COOL = "add a heat sink or a fan"


def look(at: Surroundings) -> Iterator[Finding]:
    """Yield the facts of a Raspberry Pi; nothing on any other machine."""
    if not at.is_raspberry_pi:
        return
    yield Finding("board", "good", at.board)
    yield from _throttled(at)
    yield from _heat(at)


def _throttled(at: Surroundings) -> Iterator[Finding]:
    files = (at.read(str(path.relative_to(at.root))) for path in at.root.glob(_THROTTLED))
    text = next(files, None) or at.ask(["vcgencmd", "get_throttled"])
    try:
        bits = int((text or "").rpartition("=")[2], 16)
    except ValueError:
        return  # neither the file nor the program: an older firmware, or a container
    now = [what for bit, what in _BITS.items() if bits >> bit & 1]
    before = [what for bit, what in _BITS.items() if bits >> (bit + _SINCE_BOOT) & 1]
    mend = _POWER if bits & 1 or bits >> _SINCE_BOOT & 1 else _COOL
    if now:
        yield Finding("power and clock", "problem", f"{', '.join(now)}: models run slower, frames may be lost", mend)
    elif before:
        yield Finding("power and clock", "note", f"since it was switched on, at some time: {', '.join(before)}", mend)
    else:
        yield Finding("power and clock", "good", "never held back since it was switched on")


def _heat(at: Surroundings) -> Iterator[Finding]:
    text = at.read("sys/class/thermal/thermal_zone0/temp") or ""
    if text.lstrip("-").isdecimal():
        celsius = int(text) / 1000
        hot = celsius >= _HOT_CELSIUS
        detail = f"{celsius:.0f} °C" + (": the clock is lowered from 80 °C on" if hot else "")
        yield Finding("temperature", "note" if hot else "good", detail, _COOL if hot else "")
