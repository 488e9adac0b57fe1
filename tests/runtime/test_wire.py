import msgspec
import pytest

from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.wire import decode_json, nearest


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    x: int
    y: int = 0


def decode(text):
    return decode_json(text, Point, what="point.json", error=BundleError)


def test_good_json_is_read():
    assert decode(b'{"x": 1, "y": 2}') == Point(1, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"x": 1, "x": 2}', "the key 'x' stands twice"),
        (b'{"x": 1, "z": 2}', "unknown field `z`"),
        (b'{"x": "1"}', r"Expected `int`, got `str` - at `\$.x`"),
        (b"{}", "missing required field `x`"),
        (b'{"x": 1', "not valid JSON: .*line 1"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
    ],
)
def test_bad_json_is_refused_by_name(text, message):
    with pytest.raises(BundleError, match=message):
        decode(text)


def test_a_slip_of_the_pen_gets_a_hint():
    assert nearest("formts", ["formats", "io"]) == " (did you mean 'formats'?)"
    assert nearest("xyzzy", ["formats", "io"]) == ""
