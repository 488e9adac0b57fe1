"""Model files of others: what is read off them, what is assumed and said, and what is refused with the reason."""

import json
import re
import zipfile

import msgspec
import numpy as np
import pytest
import small_models
from small_models import Tensor, TfliteFile

import lepton_edge as le
from lepton_edge.cli import execute
from lepton_edge_runtime.bare import describe_bare
from lepton_edge_runtime.description import Description
from lepton_edge_runtime.errors import BackendError, BundleError, ModelFileError, PreprocessError
from lepton_edge_runtime.formats.onnx import read_onnx
from lepton_edge_runtime.formats.tflite import read_tflite
from lepton_edge_runtime.heads import TflitePostprocess
from lepton_edge_runtime.plan import Plan


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)


def written(folder, content, name="model.tflite"):
    path = folder / name
    path.write_bytes(content)
    return path


def described(content, **given):
    return describe_bare(
        (read_tflite if content[4:8] == b"TFL3" else read_onnx)(content), "model", Description(**given)
    )


def softmax(values):
    powers = np.exp(values - values.max())
    return powers / powers.sum()


def test_a_classifier_is_recognised_and_every_assumption_is_said(tmp_path, picture):
    path = written(tmp_path, small_models.picture_classifier().build())
    with le.open_model(path) as model:
        result = model(picture)
    assert model.card.task == "classify"
    said = "; ".join(model.assumptions)
    for part in ("stretched", "order rgb", "taken to be 0..1", "probabilities of 3 classes", "has no labels"):
        assert part in said
    weights = np.random.default_rng(0).standard_normal((3, 192)).astype(np.float32) / 8
    expected = softmax(weights @ (picture[..., ::-1].reshape(-1) / np.float32(255)))
    # Float32 sums of 192 products in another order.
    np.testing.assert_allclose(result.score, np.sort(expected)[::-1], atol=1e-5)


def test_nothing_is_assumed_where_all_is_said(tmp_path):
    path = written(tmp_path, small_models.picture_classifier().build())
    preprocess = le.Preprocess(color="bgr", resize="crop", range=(0, 255))
    with le.open_model(path, labels=["a", "b", "c"], preprocess=preprocess, task="classify") as model:
        assert model.assumptions == ()
        assert model.labels == ("a", "b", "c")
        assert model.card.inputs[0].preprocess == preprocess.completed(model.card.inputs[0].tensor)


@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point", "expected"),
    [
        ("uint8", 1.0, 0, (0, 255)),
        ("uint8", 1 / 128, 128, (-1, 127 / 128)),
        ("uint8", 1 / 255, 0, (0, 1)),
        ("int8", 1 / 255, -128, (0, 1)),
        ("int8", 1.0, 0, (-128, 127)),
    ],
)
def test_bytes_go_into_8_bit_inputs_as_they_are(picture, dtype, scale, zero_point, expected):
    bare = described(small_models.picture_classifier(dtype=dtype, quant=(scale, zero_point)).build())
    end = bare.card.inputs[0]
    assert (end.tensor.quant.scale, end.tensor.quant.zero_point) == (pytest.approx(scale), zero_point)
    assert end.preprocess.range == pytest.approx(expected)
    assert "bytes go into 'picture' as they are" in " ".join(bare.assumptions)
    stored = np.empty(end.tensor.shape, dtype)
    Plan(end.preprocess, end.tensor)(picture, stored)
    offset = 128 if dtype == "int8" else 0
    np.testing.assert_array_equal(stored[0].astype(int) + offset, picture[..., ::-1])


def test_a_row_of_256ths_is_a_row_of_probabilities():
    tensors = [Tensor("x", (1, 4)), Tensor("y", (1, 4), "uint8", (1 / 256, 0))]
    bare = described(TfliteFile(tensors, [("QUANTIZE", ["x"], ["y"])]).build())
    assert (bare.card.task, bare.card.outputs[0].activation) == ("classify", "softmax")


def test_a_row_of_plain_numbers_is_raw_until_someone_says_otherwise():
    content = TfliteFile(operators=[("RELU", ["x"], ["y"])]).build()
    bare = described(content)
    assert bare.card.task == "raw"
    assert "taken as 4 plain numbers; if they are scores of classes, give --labels or --task" in bare.assumptions[0]
    named = described(content, labels=tuple("abcd"))
    assert (named.card.task, named.card.outputs[0].activation) == ("classify", "logits")
    assert "taken to be logits" in named.assumptions[0]


def test_a_background_class_is_never_guessed(tmp_path):
    path = written(tmp_path, small_models.picture_classifier().build())
    with pytest.raises(BundleError, match="there are 2 labels for 3 classes"):
        le.open_model(path, labels=["cat", "dog"])


def test_planar_pictures_and_an_open_batch_are_recognised(tmp_path, picture):
    path = written(tmp_path, small_models.onnx_picture_classifier().SerializeToString(), "model.onnx")
    with le.open_model(path) as model:
        end = model.card.inputs[0]
        assert (end.tensor.shape, end.preprocess.layout) == ((1, 3, 8, 8), "nchw")
        assert model.card.outputs[0].tensor.shape == (1, 3)
        weights = np.random.default_rng(0).standard_normal((3, 3)).astype(np.float32)
        expected = softmax(weights @ (picture[..., ::-1].reshape(-1, 3).mean(axis=0) / 255))
        np.testing.assert_allclose(model(picture).score, np.sort(expected)[::-1], atol=1e-5)


def test_an_open_size_is_asked_for(tmp_path, picture):
    content = small_models.onnx_picture_classifier(size=("height", "width")).SerializeToString()
    path = written(tmp_path, content, "model.onnx")
    with pytest.raises(
        PreprocessError, match=r"model.onnx: the input 'picture' is 1×3×\?×\?: say which size .* --size"
    ):
        le.open_model(path)
    with le.open_model(path, preprocess=le.Preprocess(size=(12, 16))) as model:
        assert model.card.inputs[0].tensor.shape == (1, 3, 16, 12)
        assert model(picture).top.score > 1 / 3


def test_a_tflite_signature_leaves_a_size_open_too(tmp_path):
    tensors = [
        Tensor("x", (1, 1, 1, 3), signature=(-1, -1, -1, 3)),
        Tensor("y", (1, 1, 1, 3), signature=(-1, -1, -1, 3)),
    ]
    path = written(tmp_path, TfliteFile(tensors, [("RELU", ["x"], ["y"])]).build())
    assert read_tflite(path.read_bytes()).inputs[0].shape == (-1, -1, -1, 3)
    with le.open_model(path, preprocess=le.Preprocess(size=(6, 4), range=(0, 255))) as model:
        answer = model(np.full((4, 6, 3), 7, np.uint8))["y"]
    np.testing.assert_array_equal(answer, np.full((1, 4, 6, 3), 7, np.float32))


def test_an_open_axis_that_is_no_pictures_is_refused(tmp_path):
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, "words"]) for name in "xy"]
    content = small_models.onnx_model(inputs=ends[:1], outputs=ends[1:]).SerializeToString()
    with pytest.raises(ModelFileError, match=r"the input 'x' is 1×\?: an axis is open"):
        described(content)


def test_a_preprocess_for_a_model_that_takes_no_pictures_is_refused():
    with pytest.raises(PreprocessError, match="this model takes no pictures"):
        described(TfliteFile().build(), preprocess=le.Preprocess())


def tflite_with(operator, **changes):
    return TfliteFile(operators=[(operator, ["x"], ["y"])], **changes).build()


def tflite_input(**options):
    return TfliteFile([Tensor("x", **options), Tensor("y", (1, 4))], [("CAST", ["x"], ["y"])]).build()


def onnx_node(domain):
    from onnx import helper

    return small_models.onnx_model([helper.make_node("Fancy", ["x"], ["y"], domain=domain)], imports=[domain])


def onnx_ends(elem_type, shape, *, sequence=False):
    from onnx import TensorProto, helper

    x = helper.make_tensor_value_info("x", elem_type, shape)
    y = helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, [1]) if sequence else None
    return small_models.onnx_model(inputs=[x], outputs=[y] if y else None)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tflite_with("Wondrous"), "the operator 'Wondrous' is a custom one, and LiteRT has no kernel for it"),
        (lambda: tflite_with("FlexErf"), r"the operator 'FlexErf' is TensorFlow's own \(Flex\)"),
        (lambda: tflite_with("edgetpu-custom-op"), "runs on an Edge TPU only; take the file it was compiled from"),
        (lambda: tflite_with("VAR_HANDLE"), r"the operator 'VAR_HANDLE' keeps state .*\(resource variables\)"),
        (lambda: tflite_input(shape=(1,), dtype="string"), "the input 'x' is of type string, which no task feeds"),
        (lambda: tflite_input(shape=()), r"the input 'x' is a single number \(a scalar\)"),
        (lambda: tflite_input(shape=(1, 4), variable=True), "the input 'x' is state that is kept"),
        (lambda: tflite_input(shape=(1,), dtype="resource"), "the input 'x' is of type resource"),
        (lambda: onnx_node("com.acme").SerializeToString(), "the operator 'Fancy' of the domain 'com.acme' is no stan"),
        (lambda: onnx_ends(8, [1]).SerializeToString(), "the input 'x' is of type string, which no task feeds"),
        (lambda: onnx_ends(1, []).SerializeToString(), r"the input 'x' is a single number \(a scalar\)"),
        (lambda: onnx_ends(1, [1], sequence=True).SerializeToString(), "the output 'y' is of type sequence"),
    ],
)  # fmt: skip
def test_what_cannot_be_served_is_named_with_the_reason(tmp_path, make, message):
    content = make()
    path = written(tmp_path, content, "m.tflite" if content[4:8] == b"TFL3" else "m.onnx")
    with pytest.raises(ModelFileError, match=message):
        le.open_model(path)
    found = le.inspect(path)
    assert found.card is None
    assert found.obstacle.startswith(str(path))


@pytest.mark.parametrize(
    ("opset", "ir", "message"), [(99, 8, "opset.*newer onnxruntime"), (17, 99, "IR version.*newer")]
)
def test_an_onnx_newer_than_the_engine_says_what_to_do(tmp_path, opset, ir, message):
    path = written(tmp_path, small_models.onnx_model(opset=opset, ir=ir).SerializeToString(), "m.onnx")
    with pytest.raises(BackendError, match=message):
        le.open_model(path, backend="onnx")
    assert le.inspect(path).files["model.onnx"].versions == {"IR": ir, "ai.onnx": opset}


def test_functions_that_a_file_defines_itself_are_no_obstacle(tmp_path):
    from onnx import helper

    model = onnx_node("mine")
    body = [helper.make_node("Softmax", ["a"], ["b"])]
    model.functions.append(helper.make_function("mine", "Fancy", ["a"], ["b"], body, [helper.make_opsetid("", 17)]))
    with le.open_model(written(tmp_path, model.SerializeToString(), "m.onnx")) as opened:
        assert opened(np.zeros((1, 4), np.float32))["y"].sum() == pytest.approx(1)


def test_an_operator_hidden_in_a_branch_is_found():
    from onnx import TensorProto, helper

    out = [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 4])]
    inner = helper.make_graph([helper.make_node("Fancy", ["x"], ["z"], domain="com.acme")], "inner", [], out)
    condition = helper.make_node("Constant", [], ["c"], value=helper.make_tensor("c", TensorProto.BOOL, [], [True]))
    branch = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    with pytest.raises(ModelFileError, match="the operator 'Fancy' of the domain 'com.acme'"):
        described(small_models.onnx_model([condition, branch]).SerializeToString())


def with_metadata(**options):
    file = small_models.picture_classifier()
    file.metadata["TFLITE_METADATA"] = small_models.tflite_metadata(**options)
    return small_models.with_files(file.build(), {"labels.txt": "ant\nbee\ncat\n"})


def test_tflite_metadata_need_no_argument(tmp_path, picture):
    path = written(tmp_path, with_metadata())
    with le.open_model(path) as model:
        assert model.labels == ("ant", "bee", "cat")
        assert model.assumptions == ("pictures are stretched to the input's size (--resize)",)
        assert model.card.name == "Small"
        levels = model.card.inputs[0].preprocess.levels()
        np.testing.assert_allclose(levels[:, 1], (np.arange(256) - 127.5) / 127.5)
        assert model(picture).top.label in model.labels
    assert str(le.inspect(path).files["model.tflite"].hints) == (
        "TFLite Metadata: Small; 3 labels in labels.txt; mean 127.5, std 127.5"
    )


def test_what_the_user_says_goes_before_what_metadata_say():
    bare = described(with_metadata(), labels=("x", "y", "z"), preprocess=le.Preprocess(range=(0, 1)))
    assert bare.card.labels == ("x", "y", "z")
    assert (bare.card.inputs[0].preprocess.range, bare.card.inputs[0].preprocess.mean) == ((0, 1), ())


def test_labels_that_metadata_name_and_do_not_bring_are_missed_aloud():
    bare = described(with_metadata(labels_file="other.txt"))
    assert "name the labels 'other.txt', and the file has none of that name" in bare.assumptions[0]


def test_labels_of_another_model_are_not_used():
    file = small_models.picture_classifier(classes=5)
    file.metadata["TFLITE_METADATA"] = small_models.tflite_metadata()
    bare = described(small_models.with_files(file.build(), {"labels.txt": "ant\nbee\ncat\n"}))
    assert bare.card.labels == ()
    assert "its metadata have 3 labels for 5 classes, and are not used" in " ".join(bare.assumptions)


@pytest.mark.parametrize("cut", [0, 4, 9, 60])
def test_broken_metadata_are_said_and_the_model_still_opens(cut):
    file = small_models.picture_classifier()
    file.metadata["TFLITE_METADATA"] = small_models.tflite_metadata()[:cut] or b"?"
    bare = described(file.build())
    assert "its TFLite Metadata are broken and not used" in bare.assumptions[0]


def test_metadata_that_agree_with_the_quantization_leave_the_bytes_alone():
    file = small_models.picture_classifier(dtype="uint8", quant=(1 / 128, 128))
    file.metadata["TFLITE_METADATA"] = small_models.tflite_metadata()
    assert described(file.build()).card.inputs[0].preprocess.range == pytest.approx((-1, 127 / 128))
    file.metadata["TFLITE_METADATA"] = small_models.tflite_metadata(mean=(0,), std=(255,))
    told = described(file.build()).card.inputs[0].preprocess
    assert (told.range, told.std) == ((0, 255), (255, 255, 255))


NAMES = "{0: 'ant', 1: \"bee's\", 2: 'cat'}"


def ultralytics_classifier():
    model = small_models.onnx_picture_classifier()
    for key, value in {"names": NAMES, "task": "classify", "imgsz": "[8, 8]"}.items():
        model.metadata_props.add(key=key, value=value)
    return model.SerializeToString()


@pytest.mark.parametrize(
    "said",
    [
        {"color": "rgb"},
        {"color": "bgr"},
        {"size": (8, 8)},
        {"resize": "stretch"},
        {"crop_fraction": 0.5},
        {"interpolation": "area"},
        {"pad": 0},
        {"align": "top-left"},
        {"range": (0, 1), "mean": (), "std": ()},
    ],
    ids=str,
)
def test_one_thing_that_the_user_says_leaves_all_else_as_the_metadata_say(said):
    told = described(ultralytics_classifier()).card.inputs[0].preprocess
    bare = described(ultralytics_classifier(), preprocess=le.Preprocess(**said))
    assert bare.card.inputs[0].preprocess == msgspec.structs.replace(told, **said)
    assert bare.assumptions == ()


def test_a_stretch_that_the_user_asks_for_is_no_assumption():
    content = small_models.picture_classifier().build()
    assert any("stretched" in one for one in described(content).assumptions)
    assert not any(
        "stretched" in one for one in described(content, preprocess=le.Preprocess(resize="stretch")).assumptions
    )


def test_the_names_that_ultralytics_writes_are_labels():
    bare = described(ultralytics_classifier())
    assert bare.card.labels == ("ant", "bee's", "cat")
    preprocess = bare.card.inputs[0].preprocess
    assert (preprocess.resize, preprocess.crop_fraction, preprocess.color) == ("crop", 1.0, "rgb")
    np.testing.assert_allclose(preprocess.levels()[:, 0], np.arange(256) / 255)
    assert bare.assumptions == ()


@pytest.mark.parametrize("compressed", [True, False], ids=["as Ultralytics packs it", "stored"])
def test_ultralytics_in_a_tflite_file_lies_in_the_archive(compressed):
    text = json.dumps({"names": {"0": "ant", "1": "bee", "2": "cat"}, "task": "classify", "imgsz": [8, 8]}, indent=2)
    files = {"metadata.json": text}
    content = small_models.with_files(small_models.picture_classifier().build(), files, compressed=compressed)
    bare = described(content)
    assert bare.card.labels == ("ant", "bee", "cat")
    preprocess = bare.card.inputs[0].preprocess
    assert (preprocess.resize, preprocess.crop_fraction) == ("crop", 1.0)
    np.testing.assert_allclose(preprocess.levels()[:, 0], np.arange(256) / 255)
    assert bare.assumptions == ()


def test_a_dictionary_of_older_ultralytics_stands_where_labels_do():
    file = small_models.picture_classifier()
    file.metadata["TFLITE_METADATA"] = small_models.tflite_metadata(labels_file="temp_meta.txt")
    text = f"{{'stride': 1, 'task': 'classify', 'imgsz': [8, 8], 'names': {NAMES}, 'channels': 3}}"
    bare = described(small_models.with_files(file.build(), {"temp_meta.txt": text}))
    assert bare.card.labels == ("ant", "bee's", "cat")
    assert bare.card.inputs[0].preprocess.resize == "crop"


def test_an_archive_with_a_comment_is_missed_aloud():
    file = small_models.picture_classifier()
    file.metadata["TFLITE_METADATA"] = small_models.tflite_metadata()
    bare = described(small_models.with_files(file.build(), {"labels.txt": "a\nb\nc\n"}, comment=b"hello"))
    assert "the files packed behind the model are not read: " in bare.assumptions[0]
    assert "does not end as a zip archive without comment does" in bare.assumptions[0]


def test_without_metadata_nothing_is_said_of_them(tmp_path, capsys):
    path = written(
        tmp_path, small_models.with_files(small_models.picture_classifier().build(), {"a": ""}, comment=b"x")
    )
    assert execute(["inspect", str(path)]) == 0
    out = capsys.readouterr().out
    assert "not read" in out
    assert "  says  " not in out


def test_a_task_that_is_not_decoded_yet_is_raw_and_said():
    model = small_models.onnx_picture_classifier(size=("h", "w"))
    for key, value in {"names": NAMES, "task": "segment", "imgsz": "[6, 8]"}.items():
        model.metadata_props.add(key=key, value=value)
    bare = described(model.SerializeToString())
    assert bare.card.task == "raw"
    assert bare.card.inputs[0].tensor.shape == (1, 3, 6, 8)
    assert bare.card.inputs[0].preprocess.resize == "letterbox"
    assert "its metadata say the task 'segment', and not how its outputs are laid out" in bare.assumptions[0]


def detector(*outputs):
    names = ["boxes", "classes", "scores", "count"]
    tensors = [Tensor("picture", (1, 8, 8, 3), "uint8", (1 / 128, 128)), *(Tensor(name, ()) for name in names)]
    return TfliteFile(
        tensors, [("TFLite_Detection_PostProcess", ["picture"], names)], ("picture",), outputs or tuple(names)
    )


def test_tflites_operator_for_detection_makes_a_detector_whatever_the_order_of_its_outputs():
    card = described(detector("count", "scores", "boxes", "classes").build(), labels=("???", "ant")).card
    assert (card.task, card.head, card.labels) == ("detect", TflitePostprocess(), ("ant",))
    assert [end.tensor.name for end in card.outputs] == ["boxes", "classes", "scores", "count"]


def test_a_detector_without_one_of_its_outputs_is_refused():
    with pytest.raises(ModelFileError, match="has not all of its four outputs"):
        described(detector("scores", "boxes").build())
    with pytest.raises(ModelFileError, match="the task 'detect' needs a head"):
        described(TfliteFile().build(), task="detect")


def packed(folder, members, name="converted_tflite.zip"):
    path = folder / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return path


TEACHABLE = {
    "model_unquant.tflite": small_models.picture_classifier().build(),
    "labels.txt": "0 ant\n1 bee\n2 cat\n",
}


def test_a_teachable_machine_export_opens_as_it_is_downloaded(tmp_path):
    wide = np.random.default_rng(1).integers(0, 256, (8, 14, 3), np.uint8)
    with le.open_model(packed(tmp_path, TEACHABLE)) as model:
        result = model(wide)
        assert model.labels == ("ant", "bee", "cat")
        said = "; ".join(model.assumptions)
    for part in ("labels.txt, which lies beside it in the archive", "from -1 to 1: Teachable Machine"):
        assert part in said
    assert "(--color)" not in said
    assert "has no labels" not in said
    weights = np.random.default_rng(0).standard_normal((3, 192)).astype(np.float32) / 8
    # Its own code: the centre's square, pixels / 127.5 - 1.
    expected = softmax(weights @ (wide[:, 3:11, ::-1].reshape(-1) / np.float32(127.5) - 1))
    np.testing.assert_allclose(result.score, np.sort(expected)[::-1], atol=1e-5)


def test_every_command_takes_the_archive(tmp_path):
    path = packed(tmp_path, TEACHABLE)
    assert le.inspect(path).card.labels == ("ant", "bee", "cat")
    assert [check.outcome for check in le.verify(path)] == ["passed", "passed"]
    done = le.adopt(path, tmp_path / "made.lepton")
    assert done.card.labels == ("ant", "bee", "cat")
    assert done.card.inputs[0].preprocess.range == (-1.0, 1.0)
    assert execute(["bench", str(path), "--seconds", "0.01", "--no-cache"]) == 0


def test_the_bytes_of_a_quantized_export_go_in_as_they_are(tmp_path):
    content = small_models.picture_classifier(dtype="uint8", quant=(1 / 128, 128)).build()
    path = packed(tmp_path, {"model.tflite": content, "labels.txt": TEACHABLE["labels.txt"]})
    preprocess = le.inspect(path).card.inputs[0].preprocess
    assert (preprocess.resize, preprocess.crop_fraction, preprocess.range) == ("crop", 1.0, (-1.0, 127 / 128))


def test_what_is_said_goes_before_the_archive(tmp_path):
    path = packed(tmp_path, TEACHABLE)
    card = le.inspect(path, labels=("x", "y", "z"), preprocess=le.Preprocess(resize="stretch")).card
    assert card.labels == ("x", "y", "z")
    assert (card.inputs[0].preprocess.resize, card.inputs[0].preprocess.range) == ("stretch", (-1.0, 1.0))
    path.with_suffix(".toml").write_text('labels = ["p", "q", "r"]\n')
    assert le.inspect(path).card.labels == ("p", "q", "r")


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, "holds nothing"),
        ({"labels.txt": "a\n"}, "holds labels.txt"),
        ({"a.tflite": b"", "b.onnx": b""}, "holds a.tflite, b.onnx"),
        ({"a.tflite": b"nothing"}, "converted_tflite.zip: a.tflite: "),
        ({"a/model.tflite": b""}, "names are plain file names"),
        ({**TEACHABLE, "labels.txt": b"\xff\xfe\x00"}, "cannot read the labels in"),
        ({**TEACHABLE, "labels.txt": b"\n" * (5 << 20)}, "labels.txt is larger than 4 MB"),
        ({"manifest.json": b"{}"}, "a bundle of another name"),
    ],
)
def test_an_archive_that_is_no_export_says_why(tmp_path, members, reason):
    with pytest.raises(ModelFileError, match=re.escape(reason)):
        le.open_model(packed(tmp_path, members))


def test_labels_for_another_number_of_classes_are_refused(tmp_path):
    with pytest.raises((ModelFileError, BundleError), match="2 labels"):
        le.open_model(packed(tmp_path, {**TEACHABLE, "labels.txt": "ant\nbee\n"}))
