"""A ``TextVectorization`` that comes first, split off a Keras 3 model: texts are split on the device, without Keras."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import LoadError
from lepton_edge_converters.facts import EndFacts, TextFacts
from lepton_edge_converters.load.describe import flat_layers
from lepton_edge_runtime.tokens import TOKENS_MAX, Tokenize
from lepton_edge_runtime.tokens.vocabulary import Vocabulary, flaw

_ENCODINGS = ("int", "multi_hot", "count", "tf_idf")
_AT_ONCE = 64


def split_off(model: Any) -> tuple[Any, Any]:
    """Return the model without a TextVectorization that comes first, and that layer; ``None`` where there is none.

    Raises:
        LoadError: The layer does what no device can be told to do, or is not all that takes the text.
    """
    inputs = [tensor for tensor in getattr(model, "inputs", None) or () if tensor.dtype == "string"]
    layers = [one for one in getattr(model, "layers", ()) if isinstance(one, keras.layers.TextVectorization)]
    if not inputs or not layers:
        return model, None
    if len(model.inputs) != 1 or len(layers) != 1:
        raise LoadError(
            f"the model has {len(model.inputs)} inputs and {len(layers)} TextVectorization layers; one text, split by "
            "one layer, is all that goes into a bundle"
        )
    vectorizer = layers[0]
    _check(vectorizer)
    return _rest(model, vectorizer), vectorizer


def told(whole: Any, vectorizer: Any, inputs: tuple[EndFacts, ...]) -> tuple[EndFacts, ...]:
    """Return the inputs with what is known of texts and indices."""
    if vectorizer is not None:
        (end,) = inputs
        inputs = (replace(end, text=_facts(vectorizer)),)
    first = next(flat_layers(whole if vectorizer is None else _Layers(whole, vectorizer)), None)
    if len(inputs) == 1 and isinstance(first, keras.layers.Embedding):
        inputs = (replace(inputs[0], indices=int(first.input_dim)),)
    return inputs


def vectorize(vectorizer: Any, texts: list[str]) -> NDArray[Any]:
    """Return what the layer makes of texts: n × the shape that it gives."""
    import tensorflow as tf  # noqa: PLC0415 - whoever loaded the model has it

    parts = []
    for start in range(0, len(texts), _AT_ONCE):
        batch = tf.constant([one.encode() for one in texts[start : start + _AT_ONCE]])[:, tf.newaxis]
        parts.append(np.asarray(vectorizer(batch)))
    return np.concatenate(parts)


class _Layers:
    """The layers of a model but one."""

    def __init__(self, model: Any, without: Any) -> None:
        self.layers = [one for one in model.layers if one is not without]


def _check(vectorizer: Any) -> None:
    """Refuse what only Python code of the user's could do, and shapes that are not fixed."""
    config = vectorizer.get_config()
    name = vectorizer.name
    for setting in ("standardize", "split"):
        if config[setting] is not None and not isinstance(config[setting], str):
            raise LoadError(
                f"{name} {setting}s texts by a function of its own, which no device has; use one of Keras' words for "
                f"{setting!r}, or convert the part of the model that takes numbers"
            )
    if config["output_mode"] not in _ENCODINGS or config["sparse"] or config["ragged"]:
        raise LoadError(
            f"{name} gives {config['output_mode']!r}{', sparse' * config['sparse']}{', ragged' * config['ragged']}; "
            f"there are: {', '.join(_ENCODINGS)}, neither sparse nor ragged"
        )
    if config["output_mode"] == "int" and config["output_sequence_length"] is None:
        raise LoadError(
            f"{name} fills up texts to the longest of a batch, and a device needs one length; build it with "
            "output_sequence_length"
        )
    if str(config["encoding"]).lower().replace("-", "") != "utf8":
        raise LoadError(f"{name} reads texts as {config['encoding']!r}; a device reads UTF-8")


def _rest(model: Any, vectorizer: Any) -> Any:
    """Return what follows the layer, its weights shared.

    Its input is the row of numbers that the layer gives; Keras takes it for one axis more.
    """
    spec = vectorizer.compute_output_spec(model.inputs[0])
    begin = keras.Input(shape=spec.shape[-1:], dtype=spec.dtype, name=model.inputs[0].name)
    if isinstance(model, keras.Sequential):
        if model.layers[0] is not vectorizer:
            raise LoadError(f"{vectorizer.name} is not the first layer of the model; split texts before all else")
        return keras.Sequential([begin, *model.layers[1:]], name=model.name)
    users = [one for one in model.layers if any(tensor is model.inputs[0] for tensor in _inputs(one))]
    if users != [vectorizer]:
        raise LoadError(
            f"{', '.join(one.name for one in users)} takes the text; only {vectorizer.name} may, and nothing else"
        )
    rest = keras.Model(vectorizer.output, model._outputs_struct)  # noqa: SLF001 - keeps names of outputs
    # Called, it would refuse the row; going through its graph is what a call does then.
    outputs = rest._run_through_graph(begin, operation_fn=lambda operation: operation)  # noqa: SLF001 - see above
    return keras.Model(begin, outputs, name=model.name)


def _inputs(layer: Any) -> list[Any]:
    """Return all tensors that a layer is called on; nothing of the input itself."""
    if isinstance(layer, keras.layers.InputLayer):
        return []
    return [tensor for node in layer._inbound_nodes for tensor in node.input_tensors]  # noqa: SLF001 - the public one is the first alone


def _facts(vectorizer: Any) -> TextFacts:
    config = vectorizer.get_config()
    ngrams = config["ngrams"]
    # The table itself: get_vocabulary() goes by an array of numpy's, which cuts NUL characters off the end of a token.
    keys, indices = vectorizer._lookup_layer.lookup_table.export()  # noqa: SLF001 - see above
    if not len(keys):
        raise LoadError(f"{vectorizer.name} has no vocabulary; adapt() it, or give it one, before the model is saved")
    special = 2 if config["output_mode"] == "int" else 1
    if special + len(keys) > TOKENS_MAX:
        raise LoadError(f"{vectorizer.name} has {special + len(keys)} tokens; a bundle holds up to {TOKENS_MAX}")
    tokenize = Tokenize(
        size=special + len(keys),
        standardize=config["standardize"] or "none",
        split=config["split"] or "none",
        ngrams=tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else tuple(ngrams or ()),
        encoding=config["output_mode"],
    )
    tokens = [*tokenize.special, *[""] * len(keys)]
    for key, index in zip(keys.numpy(), indices.numpy(), strict=True):
        try:
            tokens[int(index)] = key.decode()
        except UnicodeDecodeError as problem:
            raise LoadError(f"{vectorizer.name} has a token that is no UTF-8: {key!r}") from problem
    wrong = flaw(tokens, tokenize)
    if wrong:
        raise LoadError(f"the vocabulary of {vectorizer.name} {wrong}")
    weights = None
    if tokenize.encoding == "tf_idf":
        known = np.asarray(vectorizer._lookup_layer.idf_weights_const)  # noqa: SLF001 - there is no public way
        weights = tuple(float(one) for one in known[: tokenize.size])
    return TextFacts(tokenize, Vocabulary(tuple(tokens), weights), own=True)
