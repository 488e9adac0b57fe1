import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lepton_edge_runtime.tensors import Quant, TensorSpec, dequantize, quantize, read_quant


def spec(dtype, scale=0.5, zero_point=3):
    return TensorSpec(name="x", dtype=dtype, shape=(1,), quant=Quant(scale, zero_point))


def test_quantizing_rounds_half_to_even_and_clips():
    real = np.array([0.25, 0.75, -0.25, 1e9, -1e9, 0.0], np.float32)
    assert quantize(real, spec("int8")).tolist() == [3, 5, 3, 127, -128, 3]


@given(st.integers(-128, 127), st.floats(1e-6, 10), st.integers(-128, 127))
def test_what_is_stored_survives_the_way_out_and_back(stored, scale, zero_point):
    one = spec("int8", scale, zero_point)
    array = np.array([stored], np.int8)
    assert quantize(dequantize(array, one), one).tolist() == [stored]


def test_dequantizing_widens_before_it_subtracts():
    assert dequantize(np.array([-128], np.int8), spec("int8", 1.0, 127)).tolist() == [-255.0]


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf"), 1e-60, 1e60])
def test_a_scale_is_a_positive_number_that_float32_holds(scale):
    with pytest.raises(ValueError, match="scale is a positive float32 number, not"):
        Quant(scale, 0)


@pytest.mark.parametrize(
    ("dtype", "zero_point"), [("int8", 128), ("uint8", -1), ("int16", 32768), ("int32", 10**30), ("int64", 2**31)]
)
def test_a_zero_point_is_a_number_that_the_tensor_can_store(dtype, zero_point):
    with pytest.raises(ValueError, match=f"(zero point|zero_point).* not {zero_point}"):
        spec(dtype, 1.0, zero_point)


def test_real_numbers_have_no_scale():
    with pytest.raises(ValueError, match="x is float32, and only integers have a scale"):
        spec("float32")


@pytest.mark.parametrize(("dtype", "scale", "zero_point"), [("uint8", 0.0, 0), ("float32", 0.5, 0)])
def test_what_a_file_says_is_no_scaling_where_it_scales_nothing(dtype, scale, zero_point):
    # Formats have the fields everywhere, and 0 for "none".
    assert read_quant(dtype, scale, zero_point) is None
    assert read_quant("uint8", 0.5, 3) == Quant(0.5, 3)


def test_unscaled_integers_are_left_alone():
    plain = TensorSpec(name="x", dtype="int32", shape=(2,))
    assert dequantize(np.array([7, 9], np.int32), plain).dtype == np.int32
    assert quantize(np.array([7.0, 9.0]), plain).tolist() == [7, 9]


@pytest.mark.parametrize(("shape", "dtype", "size"), [((1, 4, 4, 3), "uint8", 48), ((1, 10), "float32", 40)])
def test_size_counts_bytes(shape, dtype, size):
    assert TensorSpec(name="x", dtype=dtype, shape=shape).size_bytes == size
