"""Embeddings have length 1, whatever the model's numbers are."""

import numpy as np
import pytest
from detectors import ORIGIN, card, stored

from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.tasks import make_decoder
from lepton_edge_runtime.tensors import Quant


def embedded(numbers, quant=None):
    tensor = np.asarray(numbers, np.float32).reshape(1, 1, 1, -1)
    made = card(None, {"vector": tensor.shape}, task="embed", quants={"vector": quant} if quant else None)
    return make_decoder(made)(stored(made, [tensor]), None, ORIGIN)


def test_a_vector_has_length_1_and_its_direction():
    found = embedded([3, 4])
    np.testing.assert_allclose(found.vector, [0.6, 0.8])
    assert found.vector.dtype == np.float32
    assert found.similarity(embedded([-8, 6])) == pytest.approx(0, abs=1e-6)
    assert found.similarity(np.array([6, 8], np.float32)) == pytest.approx(1)
    assert str(found) == "2 numbers: +0.600 +0.800 …"
    assert found.to_dict() == {"embedding": [0.6, 0.8]}


def test_integers_are_real_numbers_before_they_are_compared():
    found = embedded([0.5, -0.25, 0.1], Quant(0.05, -10))
    np.testing.assert_allclose(found.vector, np.array([0.5, -0.25, 0.1]) / np.linalg.norm([0.5, -0.25, 0.1]), rtol=1e-6)


def test_nothing_is_like_a_vector_of_zeros():
    assert embedded([0, 0]).vector.tolist() == [0, 0]
    assert embedded([1, 0]).similarity(embedded([0, 0])) == 0


def test_vectors_of_other_models_cannot_be_compared():
    with pytest.raises(ValueError, match="of 2 and of 3 numbers"):
        embedded([1, 0]).similarity(embedded([1, 0, 0]))


def test_what_is_no_vector_is_refused():
    with pytest.raises(BundleError, match="two numbers or more"):
        make_decoder(card(None, {"a": (1, 1)}, task="embed"))
    with pytest.raises(BundleError, match="has one output"):
        make_decoder(card(None, {"a": (1, 8), "b": (1, 8)}, task="embed"))
