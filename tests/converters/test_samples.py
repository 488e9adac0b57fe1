import cv2
import numpy as np
import pandas as pd
import pytest

from lepton_edge_converters.errors import SamplesError
from lepton_edge_converters.facts import EndFacts
from lepton_edge_converters.samples import store
from lepton_edge_converters.samples.read import open_samples, peek_shapes, read_samples
from lepton_edge_converters.samples.synthetic import SyntheticSamples
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.yuv import YuvImage

PICTURE = EndFacts("picture", "float32", (8, 8, 3))
NUMBERS = EndFacts("numbers", "float32", (5,))
RGB = Preprocess(size=(8, 8), color="rgb", range=(0.0, 1.0))


@pytest.fixture
def classes(tmp_path):
    """Two class folders of 3 and 2 pictures, each of one colour: red 10, 20 … in BGR order."""
    for k, (name, count) in enumerate([("ape", 3), ("bee", 2)]):
        (tmp_path / name).mkdir()
        for i in range(count):
            picture = np.zeros((8, 8, 3), np.uint8)
            picture[..., 2] = 100 * k + 10 * i
            cv2.imwrite(str(tmp_path / name / f"{i}.png"), picture)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "empty").mkdir()
    return tmp_path


def read(data, labels=(), count=2, *, certain=True, inputs=(PICTURE,), preprocess=(RGB,)):
    return read_samples(open_samples(data, inputs), inputs, preprocess, labels, count, certain=certain)


def test_class_folders_are_labels(classes):
    samples = read(classes)
    assert samples.targets.tolist() == [0, 0, 0, 1, 1]
    assert samples.labels == ("ape", "bee")
    (pictures,) = samples.load([2, 3])
    assert pictures.dtype == np.uint8
    assert pictures[:, 0, 0].tolist() == [[20, 0, 0], [100, 0, 0]]  # RGB


def test_labels_give_the_models_order(classes):
    assert read(classes, labels=("cow", "bee", "ape"), count=3).targets.tolist() == [2, 2, 2, 1, 1]


def test_pictures_straight_in_a_folder_have_no_labels(classes):
    samples = read(classes / "ape")
    assert samples.targets is None
    assert samples.count == 3


@pytest.mark.parametrize(
    ("labels", "count", "message"),
    [
        (("cow", "bee"), 2, "'ape' is not among the 2 labels given"),
        ((), 10, "has 2 class subfolders, and the model tells 10 classes apart: say which is which"),
    ],
)
def test_folders_that_do_not_fit_the_model_are_refused(classes, labels, count, message):
    with pytest.raises(SamplesError, match=message):
        read(classes, labels=labels, count=count)


def test_an_empty_folder_and_a_missing_one_are_refused(tmp_path):
    with pytest.raises(SamplesError, match="holds no pictures, and no subfolder with pictures"):
        read(tmp_path)
    with pytest.raises(SamplesError, match="there are no samples at"):
        read(tmp_path / "none")


def test_a_broken_picture_is_named(classes):
    (classes / "ape" / "1.png").write_text("no picture")
    with pytest.raises(SamplesError, match=r"1.png is no picture .*; mend it or take it out"):
        read(classes).load([1])


def write_csv(folder, text):
    path = folder / "samples.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_names_paths_relative_to_itself(classes):
    samples = read(write_csv(classes, "path,label\nape/0.png,x\nbee/1.png,a\n"))
    assert samples.targets.tolist() == [1, 0]
    assert samples.labels == ("a", "x")
    assert samples.load([1])[0][0, 0, 0].tolist() == [110, 0, 0]


def test_class_index_wins_over_label(classes):
    text = 'path,class_index,label\nape/0.png,1,"some, name"\nbee/1.png,0,other\n'
    assert read(write_csv(classes, text)).targets.tolist() == [1, 0]


def test_a_csv_without_labels_is_samples_without_labels(classes):
    assert read(write_csv(classes, "path\nape/0.png\n")).targets is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\na.png,x\n", "has no column 'path'; it has: file, label"),
        ("", "has no column 'path'; it has: nothing"),
        ("path,label\n", "names no pictures"),
        ("path,label\nnone.png,x\nape/0.png,y\n", r"1 of the 2 pictures .* are missing, the first is .*none.png"),
        ("path,class_index\nape/0.png,two\n", "class_index holds whole numbers"),
        ("path,class_index\nape/0.png,7\n", "class_index goes from 7 to 7, and the model's from 0 to 1"),
        ("path,label\nape/0.png,x\nbee/0.png,y\nbee/1.png,z\n", "has 3 different labels, and the model tells 2"),
    ],
)
def test_a_wrong_csv_is_refused(classes, text, message):
    with pytest.raises(SamplesError, match=message):
        read(write_csv(classes, text))


def test_uint8_arrays_are_pictures_in_the_models_colours():
    pictures = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    np.testing.assert_array_equal(read(pictures).load([1, 3])[0], pictures[[1, 3]])
    larger = np.repeat(np.repeat(pictures, 2, axis=1), 2, axis=2)
    resized = read(larger).load([0])[0]
    np.testing.assert_array_equal(resized[0], cv2.resize(larger[0], (8, 8)))


def test_float_arrays_are_model_ready():
    (got,) = read(np.full((3, 8, 8, 3), 0.25)).load([0])
    assert got.dtype == np.float32
    assert got[0, 0, 0, 0] == 0.25


@pytest.mark.parametrize("suffix", ["npz", "npy"])
def test_array_files_are_read(tmp_path, suffix):
    x, y = np.zeros((4, 5), np.float32), np.array([0, 1, 1, 0])
    path = tmp_path / f"samples.{suffix}"
    np.savez(path, x=x, y=y) if suffix == "npz" else np.save(path, x)
    samples = read(path, inputs=(NUMBERS,), preprocess=(None,))
    assert samples.count == 4
    assert (samples.targets is None) == (suffix == "npy")


def test_npz_keys_can_be_the_inputs_names(tmp_path):
    pictures = np.zeros((4, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "two.npz", picture=pictures, numbers=np.ones((4, 5)), y=[0, 1, 0, 1])
    samples = read(tmp_path / "two.npz", inputs=(PICTURE, NUMBERS), preprocess=(RGB, None))
    assert [array.shape for array in samples.load([0, 1])] == [(2, 8, 8, 3), (2, 5)]
    assert samples.targets.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    "data",
    [
        [np.zeros((8, 8, 3), np.uint8)] * 4,
        [np.zeros((2, 8, 8, 3), np.uint8)] * 2,
        ((np.zeros((8, 8, 3), np.uint8), k % 2) for k in range(4)),
        [(np.zeros((2, 8, 8, 3), np.uint8), np.array([0, 1]))] * 2,
        [{"picture": np.zeros((8, 8, 3), np.uint8)}] * 4,
        (np.zeros((4, 8, 8, 3), np.uint8), [0, 1, 0, 1]),
    ],
)
def test_iterables_of_samples_or_batches_with_or_without_labels(data):
    samples = read(data)
    assert samples.count == 4
    assert samples.targets is None or samples.targets.tolist() == [0, 1, 0, 1]


def test_one_hot_labels_are_class_indices():
    samples = read((np.zeros((3, 8, 8, 3), np.uint8), np.eye(2)[[1, 0, 1]]))
    assert samples.targets.tolist() == [1, 0, 1]


def test_plain_numbers_as_labels_are_left_aside_where_it_is_no_classifier():
    data = (np.zeros((3, 8, 8, 3), np.uint8), np.array([0.5, 1.5, 2.5]))
    assert read(data, certain=False).targets is None
    with pytest.raises(SamplesError, match="labels are class indices from 0 to 1"):
        read(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((3, 9, 8, 3), np.float32), r"have the shape \(9, 8, 3\); the model takes \(8, 8, 3\)"),
        (np.zeros((3, 8, 8, 1), np.uint8), "pictures for 'picture' are n × height × width × 3"),
        (np.full((3, 8, 8, 3), np.nan), "hold NaN or infinite values"),
        (np.zeros((0, 8, 8, 3), np.uint8), "at least one"),
        ((np.zeros((3, 8, 8, 3), np.uint8), [0, 1]), "2 labels for 3 samples"),
        ((np.zeros((3, 8, 8, 3), np.uint8), [0, 1, 2]), "labels are class indices from 0 to 1"),
        ([], "the samples are empty"),
        ([np.zeros((8, 8, 3)), np.zeros((9, 8, 3))], "different shapes"),
        ({"photo": np.zeros((3, 8, 8, 3))}, r"have the arrays 'photo'; the model takes 'picture' \(or 'x'\)"),
        ([YuvImage.from_bytes(bytes(96), "nv12", 8, 8)], "different shapes, or are no numbers"),
        (7, "samples are a path, arrays, or an iterable of arrays; got int"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(data, message):
    with pytest.raises(SamplesError, match=message):
        read(data)


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "samples.txt").write_text("x")
    with pytest.raises(SamplesError, match=r"a .csv, .npz or .npy file; .*samples.txt is none"):
        read(tmp_path / "samples.txt")
    (tmp_path / "broken.npz").write_text("x")
    with pytest.raises(SamplesError, match="cannot read the samples in"):
        read(tmp_path / "broken.npz")


def test_pictures_do_not_fit_a_model_of_numbers(classes):
    with pytest.raises(SamplesError, match=r"does not take one picture \('numbers' \(5,\)\); give its samples as .npz"):
        read(classes, inputs=(NUMBERS,), preprocess=(None,))


def test_shapes_are_seen_where_arrays_tell_them(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 5)), y=np.zeros(3))
    assert peek_shapes(tmp_path / "a.npz") == [(5,)]
    assert peek_shapes((np.zeros((3, 4)), [0, 1, 2])) == [(4,)]
    assert peek_shapes("folder") == []


def test_synthetic_samples_are_seeded_each_by_itself():
    def samples():
        return SyntheticSamples((PICTURE, NUMBERS), (RGB, None), count=4, seed=3)

    pictures, numbers = samples().load([0, 1, 2])
    np.testing.assert_array_equal(pictures[2], samples().load([2])[0][0])
    assert (pictures.shape, numbers.shape) == ((3, 8, 8, 3), (3, 5))
    assert (pictures.min(), pictures.max()) == (0, 255)
    assert not np.array_equal(pictures[0], pictures[1])


def test_stored_samples_are_what_the_model_takes(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    samples = read((pictures, [0, 1, 0, 1, 0, 1]))
    stored = store(samples, np.array([1, 4]), (RGB,), tmp_path, "judged")
    assert len(stored) == 2
    assert stored.targets.tolist() == [1, 0]
    np.testing.assert_allclose(stored.real(0, 1)[0], pictures[1:2] / 255, rtol=1e-7)
    other = store(samples, np.array([1, 5]), (RGB,), tmp_path, "other")
    assert stored.fingerprint() != other.fingerprint()


def test_integers_are_pictures_if_they_are_bytes():
    bytes_ = np.arange(2 * 8 * 8 * 3).reshape(2, 8, 8, 3) % 256
    (stored,) = read(bytes_).load([0, 1])
    assert stored.dtype == np.uint8
    np.testing.assert_array_equal(stored, bytes_)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 9), (0, 256)])
def test_integers_that_are_no_bytes_are_refused(low, high):
    wrong = np.full((2, 8, 8, 3), low)
    wrong[0, 0] = high
    with pytest.raises(SamplesError, match=f"are integers from {low} to {high}; pictures are uint8"):
        read(wrong)


def test_several_classes_for_one_sample_are_no_one_hot_rows():
    with pytest.raises(SamplesError, match="rows of 3 labels are one-hot, a single 1 in each"):
        read((np.zeros((2, 8, 8, 3), np.uint8), np.array([[1, 0, 1], [0, 1, 0]])), count=3)


def test_many_samples_are_stored_piece_by_piece(tmp_path):
    arrays = np.arange(150 * 8 * 8 * 3, dtype=np.uint32).reshape(150, 8, 8, 3).astype(np.uint8)
    told = []
    chosen = np.arange(149, -1, -2)
    stored = store(read(arrays), chosen, (RGB,), tmp_path, "some", lambda *step: told.append(step[1:]))
    np.testing.assert_array_equal(stored.array(0), arrays[chosen])
    assert told == [(64, 75), (75, 75)]


def test_noise_stays_within_the_samples():
    inputs = (NUMBERS, EndFacts("tokens", "int32", (7,)))
    noise = SyntheticSamples(inputs, (None, None), count=20, seed=0, extremes=[(3.0, 4.0), (5, 9)]).load(range(20))
    assert 3.0 <= noise[0].min() < noise[0].max() <= 4.0
    assert set(noise[1].ravel()) == {5, 6, 7, 8, 9}


def test_a_keras_dataset_gives_its_batches():
    import keras

    class Numbers(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, i):
            return np.full((4, 5), i, np.float32), np.full(4, i % 2), np.ones(4)

    samples = read(Numbers(), inputs=(NUMBERS,), preprocess=(None,))
    assert samples.targets.tolist() == [0] * 4 + [1] * 4 + [0] * 4
    assert samples.load([0, 4, 8])[0][:, 0].tolist() == [0, 1, 2]


def test_a_tensorflow_dataset_gives_its_samples_or_batches():
    import tensorflow as tf

    numbers, targets = np.arange(30, dtype=np.float32).reshape(6, 5), np.arange(6) % 2
    dataset = tf.data.Dataset.from_tensor_slices(({"numbers": numbers}, targets))
    for one in (dataset, dataset.batch(4)):
        samples = read(one, inputs=(NUMBERS,), preprocess=(None,))
        np.testing.assert_array_equal(samples.load(range(6))[0], numbers)
        assert samples.targets.tolist() == targets.tolist()
    with pytest.raises(SamplesError, match=r"repeats without end; take a part of it: data.take\(COUNT\)"):
        read(dataset.repeat(), inputs=(NUMBERS,), preprocess=(None,))


def test_several_inputs_in_a_list_keep_their_order():
    two = (NUMBERS, EndFacts("more", "float32", (2,)))
    items = [([np.full(5, i, np.float32), np.full(2, -i, np.float32)], i % 2) for i in range(4)]
    samples = read(items, inputs=two, preprocess=(None, None))
    assert samples.load([3])[1].tolist() == [[-3, -3]]
    with pytest.raises(SamplesError, match="a sample has the arrays 'numbers', and lacks 'more'"):
        read([{"numbers": np.zeros(5)}], inputs=two, preprocess=(None, None))


def test_a_data_frame_of_numbers():
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4], "c": [5, 6], "y": [1, 0], "d": [7, 8], "e": [9, 10]})
    samples = read(frame, inputs=(NUMBERS,), preprocess=(None,))
    assert samples.load([0, 1])[0].tolist() == [[1, 3, 5, 7, 9], [2, 4, 6, 8, 10]]
    assert samples.targets.tolist() == [1, 0]
    with pytest.raises(SamplesError, match="the data frame holds what is no number"):
        read(pd.DataFrame({"a": ["x", "y"]}), inputs=(NUMBERS,), preprocess=(None,))


def test_a_data_frame_that_names_pictures(classes):
    frame = pd.DataFrame(
        {"path": [str(classes / "ape" / "0.png"), str(classes / "bee" / "1.png")], "label": ["ape", "bee"]}
    )
    samples = read(frame)
    assert samples.targets.tolist() == [0, 1]
    assert samples.labels == ("ape", "bee")
