"""Times of operators: the files that are timed, the steps told from them, the table made of them. Asserts no time."""

from dataclasses import replace
from itertools import product
from math import ceil

import msgspec
import numpy as np
import pytest

from lepton_edge_converters.latency import Operator, Range, Steps, Target, measure, measure_table, table
from lepton_edge_converters.latency.grid import Grid, axis
from lepton_edge_converters.latency.measure import time_operators
from lepton_edge_converters.latency.onnx import onnx_file
from lepton_edge_converters.latency.reading import operators_of
from lepton_edge_converters.latency.steps import find_steps
from lepton_edge_converters.latency.store import key_of, load, table_path
from lepton_edge_converters.latency.tflite import tflite_file
from lepton_edge_runtime.backends import open_backend

PLAIN = Operator(kind="conv2d", height=7, width=6, channels_in=8, channels_out=12, kernel=(3, 3))


def changed(operator=PLAIN, **fields):
    return msgspec.structs.replace(operator, **fields)


KINDS = {
    "convolution": PLAIN,
    "strided": changed(strides=(2, 2)),
    "valid": changed(padding="valid"),
    "dilated": changed(dilation=(2, 2)),
    "grouped": changed(groups=4),
    "pointwise": changed(kernel=(1, 1)),
    "sequence": changed(height=1, width=20, kernel=(1, 5)),
    "depthwise": changed(kind="depthwise_conv2d", channels_out=8),
    "depthwise strided": changed(kind="depthwise_conv2d", channels_out=8, strides=(2, 2)),
    "multiplied": changed(kind="depthwise_conv2d", channels_out=16),
    "transposed": changed(kind="conv2d_transpose", strides=(2, 2)),
    "dense": Operator(kind="dense", channels_in=40, channels_out=10),
    "dense at places": Operator(kind="dense", height=4, width=4, channels_in=16, channels_out=10),
    "add": changed(kind="add", channels_out=8, kernel=(1, 1)),
    "multiply": changed(kind="multiply", channels_out=8, kernel=(1, 1)),
    "scale": changed(kind="scale", channels_out=8, kernel=(1, 1)),
    "average pool": changed(kind="average_pool", channels_out=8, kernel=(2, 2), strides=(2, 2)),
    "max pool": changed(kind="max_pool", channels_out=8, strides=(2, 2)),
    "global average": changed(kind="global_average_pool", channels_out=8, kernel=(1, 1)),
    "hard swish": changed(kind="hard_swish", channels_out=8, kernel=(1, 1)),
    "sigmoid": changed(kind="sigmoid", channels_out=8, kernel=(1, 1)),
}
CONVOLUTIONS = ["convolution", "strided", "valid", "dilated", "grouped", "sequence", "depthwise", "depthwise strided"]


def convolved(read, weights, bias, operator, groups):
    """A convolution by its definition, in integers: height × width × channels, weights out × kernel × in."""
    (height, width), (down, right) = operator.size_out, operator.strides
    reach = [(k - 1) * d + 1 for k, d in zip(operator.kernel, operator.dilation, strict=True)]
    pads = [0, 0]
    if operator.padding == "same":
        sizes = zip((height, width), operator.strides, reach, read.shape, strict=False)
        pads = [max(0, (out - 1) * stride + span - size) for out, stride, span, size in sizes]
    padded = np.pad(read, [*((pad // 2, pad - pad // 2) for pad in pads), (0, 0)])
    made = np.zeros((height, width, len(weights)), np.int64)
    into, out = read.shape[2] // groups, len(weights) // groups
    for y, x, channel in product(range(height), range(width), range(len(weights))):
        start = channel // out * into
        window = padded[
            y * down : y * down + reach[0] : operator.dilation[0],
            x * right : x * right + reach[1] : operator.dilation[1],
            start : start + into,
        ]
        made[y, x, channel] = (window * weights[channel]).sum() + bias[channel]
    return made


class TestTheFileOfAnOperator:
    @pytest.mark.parametrize("quantized", [True, False], ids=["int8", "float"])
    @pytest.mark.parametrize("name", KINDS)
    def test_litert_runs_it_and_finds_the_output_as_large_as_is_said(self, name, quantized):
        operator = KINDS[name]
        backend = open_backend("tflite", tflite_file(operator, copies=2, quantized=quantized))
        (shape,) = backend.run()
        assert shape.tolist() == [1, *operator.size_out, operator.channels_out]

    @pytest.mark.parametrize("quantized", [True, False], ids=["int8", "float"])
    @pytest.mark.parametrize("name", KINDS)
    def test_onnx_runtime_runs_it(self, name, quantized):
        operator = KINDS[name]
        first, second = open_backend("onnx", onnx_file(operator, copies=2, quantized=quantized)).run()
        assert first.dtype == (np.uint8 if quantized else np.float32)
        assert first.shape == second.shape
        if operator.kind != "dense":
            assert first.shape == (1, operator.channels_out, 1, 1)

    @pytest.mark.parametrize("name", CONVOLUTIONS)
    def test_litert_answers_it_as_a_convolution_by_its_definition(self, name):
        from lepton_edge_converters.exporters.flatbuffer import pack, unpack

        operator = KINDS[name]
        model = unpack(tflite_file(operator, copies=1))
        graph = model.subgraphs[0]
        graph.operators, graph.outputs = graph.operators[:1], graph.operators[0].outputs
        weights, bias = (graph.tensors[i] for i in graph.operators[0].inputs[1:])
        stored = [model.buffers[tensor.buffer].data.tobytes() for tensor in (weights, bias)]
        kernel = np.frombuffer(stored[0], np.int8).reshape(weights.shape).astype(np.int64)
        groups = operator.groups
        if operator.kind == "depthwise_conv2d":
            kernel, groups = np.moveaxis(kernel, 3, 0).transpose(0, 2, 3, 1), operator.channels_in
        read = np.random.default_rng(1).integers(-128, 128, (operator.height, operator.width, operator.channels_in))
        backend = open_backend("tflite", pack(model))
        backend.input_view(0)[0] = read
        sums = convolved(read, kernel, np.frombuffer(stored[1], np.int32), operator, groups)
        made = graph.tensors[graph.outputs[0]].quantization.scale[0]
        expected = np.rint(sums * (1 / 64) * weights.quantization.scale / made).clip(-128, 127)
        (answer,) = backend.run()
        assert np.ptp(expected) > 10
        assert np.abs(answer[0].astype(int) - expected).max() <= 1  # halves are rounded otherwise in fixed point

    @pytest.mark.parametrize("name", CONVOLUTIONS)
    def test_onnx_runtime_answers_its_first_place_as_a_convolution_by_its_definition(self, name):
        import onnx

        operator = KINDS[name]
        content = onnx_file(operator, copies=1)
        stored = [onnx.numpy_helper.to_array(one) for one in onnx.load_from_string(content).graph.initializer]
        kernel = next(one for one in stored if one.ndim == 4).astype(np.int64).transpose(0, 2, 3, 1)
        scales = next(one for one in stored if one.dtype == np.float32 and one.ndim)
        bias = next(one for one in stored if one.dtype == np.int32)
        groups = operator.channels_in if operator.kind == "depthwise_conv2d" else operator.groups
        read = np.random.default_rng(1).integers(0, 256, (operator.height, operator.width, operator.channels_in))
        backend = open_backend("onnx", content)
        backend.input_view(0)[0] = read.transpose(2, 0, 1)
        sums = convolved(read - 128, kernel, bias, operator, groups)[0, 0]
        expected = np.rint(sums / 64 * scales * 16 + 128).clip(0, 255)
        (answer,) = backend.run()
        assert np.abs(answer[0, :, 0, 0].astype(int) - expected).max() <= 1

    def test_a_further_copy_is_not_dropped_by_the_engine(self):
        large = changed(height=16, width=16, channels_in=64, channels_out=64)
        for engine in ("tflite", "onnx"):
            small = changed(large, channels_in=8, channels_out=8)
            times = time_operators([large, small], Target(engine=engine))
            assert times[large] > times[small] > 0  # 64 times the work; a dropped copy takes no time

    def test_is_timed_whether_or_not_all_fit_into_memory_at_once(self, monkeypatch):
        operators = [changed(channels_out=width) for width in range(1, 30)]
        assert time_operators(operators, Target()).keys() == set(operators)
        monkeypatch.setattr(measure, "_BYTES_MAX", 1)
        assert time_operators(operators[:3], Target()).keys() == set(operators[:3])

    def test_what_it_says_of_itself_is_read_back_from_its_file(self):
        for name in ("convolution", "strided", "valid", "dilated", "depthwise", "transposed", "scale", "max pool"):
            known, unknown = operators_of(tflite_file(KINDS[name], copies=1))
            assert (known, unknown) == ([KINDS[name]], ["SHAPE"])


class TestAnOperator:
    def test_counts_what_is_published_of_mobilenet(self):
        # Howard et al., MobileNets, 2017, table 1, first rows: 224 × 224 × 3, stride 2, to 32; depthwise; to 64.
        first = Operator(
            kind="conv2d", height=224, width=224, channels_in=3, channels_out=32, kernel=(3, 3), strides=(2, 2)
        )
        second = changed(first, kind="depthwise_conv2d", height=112, width=112, channels_in=32, strides=(1, 1))
        third = Operator(kind="conv2d", height=112, width=112, channels_in=32, channels_out=64)
        assert [one.macs for one in (first, second, third)] == [10_838_016, 3_612_672, 25_690_112]
        assert [one.parameters for one in (first, second, third)] == [896, 320, 2112]

    @pytest.mark.parametrize("name", ["convolution", "depthwise", "dense", "transposed"])
    def test_takes_about_as_many_bytes_as_a_further_one_adds_to_a_file(self, name):
        operator = changed(KINDS[name], channels_in=64, channels_out=64)
        added = len(tflite_file(operator, copies=2)) - len(tflite_file(operator, copies=1))
        assert 0 <= added - operator.stored_bytes < 700  # tensors' names and shapes


class TestSteps:
    @staticmethod
    def engine(outputs, inputs, depthwise, noise=0.0, seed=0):
        """An engine that computes whole steps, on a machine that is disturbed now and then."""
        rng = np.random.default_rng(seed)

        def timed(operators, target):
            def time(one):
                if one.kind == "depthwise_conv2d":
                    work = 3 + ceil(one.channels_in / depthwise) * depthwise
                else:
                    work = ceil(one.channels_in / inputs) * inputs * ceil(one.channels_out / outputs) * outputs / 32
                disturbed = 1.5 if rng.random() < 10 * noise / 3 else 1.0
                return work * (1 + abs(rng.normal(0, noise))) * disturbed

            return {one: time(one) for one in operators}

        return timed

    @pytest.mark.parametrize("steps", [(16, 8, 16), (8, 4, 8), (4, 8, 16), (32, 16, 32)])
    @pytest.mark.parametrize("noise", [0.0, 0.01, 0.02])
    def test_are_told_from_times(self, steps, noise):
        found = find_steps(Target(), self.engine(*steps, noise=noise))
        assert (found.outputs, found.inputs, found.depthwise) == steps
        assert not found.notes
        assert found.widest == max(steps)

    def test_that_cannot_be_told_are_eight_with_a_note(self):
        found = find_steps(Target(), self.engine(1, 16, 1))
        assert (found.outputs, found.inputs, found.depthwise) == (8, 16, 8)
        assert len(found.notes) == 2
        assert "no step could be told from the times of outputs channels, so 8 is taken" in found.notes

    def test_that_drown_in_noise_are_not_made_up(self):
        def timed(operators, target):
            return dict(zip(operators, np.random.default_rng(3).uniform(1, 2, len(operators)), strict=True))

        assert len(find_steps(Target(), timed).notes) == 3


STEPS = Steps(outputs=16, inputs=8, depthwise=16)


def stepped(operator):
    """What an engine takes that computes whole steps, in a unit of its own."""
    if operator.kind == "depthwise_conv2d":
        return 2.0 + ceil(operator.channels_in / 16)
    if operator.kind == "add":
        return 0.01 * operator.channels_in
    return 1.0 + ceil(operator.channels_in / 8) * ceil(operator.channels_out / 16)


class TestTheGrid:
    def test_is_right_between_its_points_where_the_engine_computes_whole_steps(self):
        widest = changed(channels_in=96, channels_out=128)
        grid = Grid(Range(widest, 8, 16), STEPS)
        assert len(grid.operators) <= 25
        grid.fill({one: stepped(one) for one in grid.operators})
        for into, out in product(range(8, 97, 3), range(16, 129, 5)):
            assert grid.milliseconds(into, out) == pytest.approx(stepped(widest.with_widths(into, out)))

    def test_has_one_axis_where_channels_are_not_mixed(self):
        depthwise = Operator(kind="depthwise_conv2d", channels_in=96, channels_out=192, kernel=(3, 3))
        grid = Grid(Range(depthwise, 16, 16), STEPS)
        assert {(one.channels_in, one.channels_out) for one in grid.operators} >= {(96, 192), (48, 96)}
        grid.fill({one: stepped(one) for one in grid.operators})
        assert grid.milliseconds(33, 66) == stepped(depthwise.with_widths(48, 96))

    def test_measures_a_width_that_is_no_whole_step_as_it_is(self):
        assert axis(10, 100, 16).points == (16, 32, 64, 80, 100)
        assert axis(3, 3, 8).points == (3,)
        assert axis(1, 10, 16).points == (10,)

    def test_evens_out_what_noise_made_slower_where_it_is_narrower(self):
        grid = Grid(Range(changed(channels_in=64, channels_out=64), 8, 16), STEPS)
        rng = np.random.default_rng(0)
        grid.fill({one: stepped(one) * rng.uniform(0.7, 1.3) for one in grid.operators})
        times = np.array([[grid.milliseconds(i, o) for o in range(16, 65)] for i in range(8, 65)])
        assert (np.diff(times, axis=0) >= 0).all()
        assert (np.diff(times, axis=1) >= 0).all()


@pytest.fixture
def counted(monkeypatch):
    """Timing that is made up, and counted: what was timed, call by call."""
    calls = []

    def timed(operators, target, *, progress=None):
        calls.append(list(operators))
        return {one: stepped(one) for one in operators}

    monkeypatch.setattr(table, "time_operators", timed)
    monkeypatch.setattr(table, "find_steps", lambda target: STEPS)
    return calls


RANGES = [Range(PLAIN, 4, 4), Range(changed(kind="add", channels_out=8, kernel=(1, 1)), 2, 2)]


class TestTheTable:
    def test_of_this_machine_knows_every_width_up_to_those_of_the_net(self, monkeypatch):
        monkeypatch.setattr(table, "find_steps", lambda target: STEPS)
        widest = changed(channels_in=48, channels_out=32)
        found = measure_table([Range(widest, 8, 8)])
        times = [found.milliseconds(widest.with_widths(width, 32)) for width in range(1, 49)]
        assert 0 < times[0] <= times[-1]
        assert times == sorted(times)
        assert found.predict([widest, widest]) == pytest.approx(2 * times[-1])

    def test_refuses_an_operator_that_was_not_measured(self, counted):
        found = measure_table(RANGES)
        for other in (changed(strides=(2, 2)), changed(channels_in=16)):
            with pytest.raises(ValueError, match="were not measured"):
                found.milliseconds(other)

    def test_is_taken_from_the_cache_where_it_has_all_of_it(self, counted, tmp_path):
        first = measure_table(RANGES, cache=tmp_path)
        again = measure_table(RANGES, cache=tmp_path)
        assert len(counted) == 1
        assert again.milliseconds(PLAIN) == first.milliseconds(PLAIN)
        assert again.steps == first.steps

    def test_measures_only_what_the_cache_has_not(self, counted, tmp_path):
        measure_table(RANGES, cache=tmp_path)
        wider = Range(changed(channels_in=16), 4, 4)
        measure_table([*RANGES, wider], cache=tmp_path)
        assert set(counted[1]) == set(Grid(wider, STEPS).operators) - set(counted[0])
        measure_table([*RANGES, wider], cache=tmp_path)
        assert len(counted) == 2

    @pytest.mark.parametrize("damage", [b"", b"{", b'{"format":1}', b"\xff\xfe", b'{"a":1,"a":2}'])
    def test_that_is_damaged_is_measured_anew_and_written_whole(self, counted, tmp_path, caplog, damage):
        measure_table(RANGES, cache=tmp_path)
        (file,) = tmp_path.iterdir()
        whole = file.read_bytes()
        file.write_bytes(damage)
        measure_table(RANGES, cache=tmp_path)
        assert "measured anew" in caplog.text
        assert file.read_bytes() == whole

    def test_of_another_machine_or_engine_lies_in_another_file(self, counted, tmp_path):
        here = key_of(Target())
        others = [key_of(Target(engine="onnx")), key_of(Target(threads=2)), key_of(Target(quantized=False))]
        others += [msgspec.structs.replace(here, processor="another"), msgspec.structs.replace(here, version="0")]
        assert len({table_path(tmp_path, key) for key in (here, *others)}) == 6

    def test_under_the_name_of_another_machine_is_not_believed(self, counted, tmp_path, caplog):
        measure_table(RANGES, cache=tmp_path)
        other = msgspec.structs.replace(key_of(Target()), processor="another")
        table_path(tmp_path, key_of(Target())).rename(table_path(tmp_path, other))
        assert load(tmp_path, other) is None
        assert "of another format or machine" in caplog.text

    def test_is_measured_where_it_cannot_be_stored(self, counted, tmp_path, caplog):
        taken = tmp_path / "taken"
        taken.write_text("a file")
        found = measure_table(RANGES, cache=taken)
        assert found.milliseconds(PLAIN) == stepped(PLAIN)
        assert "cannot be stored" in caplog.text

    def test_names_no_operator_twice(self, counted):
        measure_table([*RANGES, *RANGES, replace(RANGES[0], least_in=5)])
        (timed,) = counted
        assert len(timed) == len(set(timed))
