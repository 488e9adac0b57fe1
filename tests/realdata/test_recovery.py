"""A net that knows garments, damaged, and mended by pictures that nobody has labelled."""

import fashion
import keras
import numpy as np
import pytest
import training_models as small

from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.train import Training
from lepton_edge_converters.training.normalization import reestimate_batch_norms
from lepton_edge_converters.training.recovery import recover
from lepton_edge_runtime.preprocess import Preprocess

pytestmark = [pytest.mark.realdata, pytest.mark.slow]


def stored(folder, name, pictures, classes=None):
    np.save(folder / name, pictures)
    preprocess = Preprocess(size=(28, 28), color="gray", range=(0.0, 255.0))
    return StoredSamples((folder / name,), (preprocess,), classes)


def silent(_what, _done, _total):
    pass


def test_a_damaged_net_answers_unseen_pictures_as_before(real_data, tmp_path):
    pictures, classes = fashion.read(real_data / "fashion_mnist", "train")
    unseen, truth = (part[:1000] for part in fashion.read(real_data / "fashion_mnist", "t10k"))
    labelled = stored(tmp_path, "labelled.npy", pictures[:2000], classes[:2000].astype(np.int64))
    unlabelled = stored(tmp_path, "unlabelled.npy", pictures[2000:4000])
    keras.utils.set_random_seed(0)
    teacher = fashion._net(keras, normalized_last=True)
    recover(teacher, labelled, Training(epochs=6), progress=silent)
    answers = teacher.predict(unseen.astype(np.float32), verbose=0).argmax(axis=1)
    assert (answers == truth).mean() > 0.75
    model = keras.models.clone_model(teacher)
    model.set_weights([weight.numpy() for weight in teacher.weights])
    small.perturbed(model, 0.6)

    def agreement():
        return (model.predict(unseen.astype(np.float32), verbose=0).argmax(axis=1) == answers).mean()

    damaged = agreement()
    reestimate_batch_norms(model, unlabelled, limit=500, progress=silent)
    normalized = agreement()
    recover(model, unlabelled, Training(epochs=6), teacher=teacher, progress=silent)
    mended = agreement()
    assert damaged < 0.3
    assert normalized > damaged + 0.1
    assert mended > 0.85
