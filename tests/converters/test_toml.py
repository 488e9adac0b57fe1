import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lepton_edge_converters.toml import encode_toml

_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_VALUES = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | _TEXT


@given(
    st.dictionaries(
        _TEXT,
        st.recursive(
            _VALUES | st.lists(_VALUES), lambda inner: st.dictionaries(_TEXT, inner, max_size=4), max_leaves=12
        ),
        max_size=6,
    )
)
def test_what_is_written_reads_back_equal(table):
    assert tomllib.loads(encode_toml(table)) == table


def test_keys_come_before_tables_and_nothing_is_left_out():
    text = encode_toml({"first": {"inner": {"x": 1.0}, "y": ["a", "b"]}, "z": None, "last": True})
    assert text == 'last = true\n\n[first]\ny = ["a", "b"]\n\n[first.inner]\nx = 1.0\n'


def test_what_toml_has_no_word_for_is_refused():
    with pytest.raises(TypeError, match="bytes has no form in TOML: b'x'"):
        encode_toml({"a": [b"x"]})
