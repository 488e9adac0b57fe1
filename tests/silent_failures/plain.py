"""What the usual tools do with models and samples that break: TensorFlow's converter and Keras' export.

Each function runs in a worker process, as a user's own script would, and returns what came of it as plain numbers.
Nothing of Lepton Edge is called here.
"""

import io
from contextlib import redirect_stdout
from pathlib import Path

import keras_models
import numpy as np

from silent_failures import models


def imbalance(path):
    """Return how often the int8 file decides as the model does whose channels differ 500 times."""
    return _plain_int8(load(path), pictures(seed=7)[:100])


def long_tail(path):
    """Return the same for activations with a long tail in front of a BatchNormalization."""
    return _plain_int8(load(path), pictures(seed=7)[:100])


def near_black(path):
    """Return the same where eight pictures calibrate, all but black."""
    return _plain_int8(load(path), (pictures(seed=7)[:8] * 0.04).astype(np.float32))


def another_range(path):
    """Return the same where the calibration pictures were not divided by 255 as the model's are."""
    model, shown = load(path), models.bright(200, seed=11)[0]
    content = _tflite(model, models.bright(100, seed=7)[0] * 255)
    return alike(_answers(content, [shown])[0], model.predict(shown, verbose=0))


def swapped_channels(path):
    """Return how often the model decides right on pictures as OpenCV reads them, and on them in its own order."""
    model = load(path)
    pictures, targets = models.paints(200, seed=11)
    right = (model.predict(pictures.astype(np.float32), verbose=0).argmax(1) == targets).mean()
    swapped = (model.predict(pictures[..., ::-1].astype(np.float32), verbose=0).argmax(1) == targets).mean()
    return {"accuracy": float(swapped), "accuracy in its own order": float(right)}


def hidden_float(path):
    """Return the operators that compute in float in a file that was asked to be int8 and came without an error."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(load(path))
    samples = np.random.default_rng(1).uniform(-1, 1, (50, 16)).astype(np.float32)
    _quantized(converter, [samples], tf)
    content = _converted(converter)
    return {"float operators": _float_operators(content)}


def flex(path):
    """Return whether Keras' own export succeeds, and what LiteRT says of the file."""
    from ai_edge_litert.interpreter import Interpreter

    out = Path(path).with_suffix(".flex.tflite")
    with redirect_stdout(io.StringIO()):
        load(path).export(str(out), format="litert")
    try:
        Interpreter(str(out)).allocate_tensors()
    except RuntimeError as refused:
        return {"exported": True, "on the device": str(refused).splitlines()[0][:160]}
    return {"exported": True, "on the device": ""}


def dynamic_range(path):
    """Return how much longer the dynamic-range file takes than the float one: least time of interleaved runs."""
    import tensorflow as tf

    model = load(path)
    floats = tf.lite.TFLiteConverter.from_keras_model(model)
    dynamic = tf.lite.TFLiteConverter.from_keras_model(model)
    dynamic.optimizations = [tf.lite.Optimize.DEFAULT]
    return _times(_converted(dynamic), _converted(floats))


def int16x8(path):
    """Return the same for 16-bit activations."""
    import tensorflow as tf

    model = load(path)
    floats = tf.lite.TFLiteConverter.from_keras_model(model)
    sixteen = tf.lite.TFLiteConverter.from_keras_model(model)
    _quantized(sixteen, [pictures(seed=7)[:20]], tf)
    ops = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    sixteen.target_spec.supported_ops = [ops]
    return _times(_converted(sixteen), _converted(floats))


def lstm_loop(path):
    """Convert the loop of an LSTM to int8; kills the process that calls this."""
    import keras
    import tensorflow as tf

    tokens = keras.Input((keras_models.STEPS,), batch_size=1, dtype="int32")
    model = keras.Model(tokens, load(path)(tokens))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    sentences = keras_models.texts(20, seed=9)[0]
    converter.representative_dataset = lambda: ([sentence[np.newaxis]] for sentence in sentences)
    return {"size": len(_converted(converter))}


def output_order(path):
    """Return the shapes of the outputs in the model's order, and in the file's."""
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    model = load(path)
    interpreter = Interpreter(model_content=_converted(tf.lite.TFLiteConverter.from_keras_model(model)))
    theirs = [list(detail["shape"][1:]) for detail in interpreter.get_output_details()]
    names = list(model.output) if isinstance(model.output, dict) else model.output_names
    mine = [list(model.output[name].shape[1:]) for name in names]
    return {
        "of the model": [[int(n) for n in one] for one in mine],
        "of the file": [[int(n) for n in one] for one in theirs],
    }


def never_white(path):
    """Return the scale of the input after pictures that are neither quite black nor quite white."""
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    converter = tf.lite.TFLiteConverter.from_keras_model(load(path))
    _quantized(converter, [np.clip(pictures(seed=7)[:100], 6, 249)], tf)
    converter.inference_input_type = tf.uint8
    (detail,) = Interpreter(model_content=_converted(converter)).get_input_details()
    return {"scale": float(detail["quantization"][0]), "zero point": int(detail["quantization"][1])}


def broken_weights(path):
    """Return what the file answers whose model has weights that are no numbers."""
    import tensorflow as tf

    content = _converted(tf.lite.TFLiteConverter.from_keras_model(load(path)))
    answers = _answers(content, [np.ones((3, 4), np.float32)])[0]
    return {"converted": True, "NaN answers": int(np.isnan(answers).any(axis=1).sum())}


def original_answers(path, samples):
    """Return the model's own answers by the names of its outputs."""
    answers = load(path).predict(samples, verbose=0)
    return answers if isinstance(answers, dict) else {"": answers}


def load(path):
    import keras

    return keras.models.load_model(path)


def pictures(*, seed):
    return keras_models.patterns(200, seed=seed)[0].astype(np.float32)


def _quantized(converter, inputs, tf):
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.representative_dataset = lambda: ([array[i : i + 1] for array in inputs] for i in range(len(inputs[0])))


def _converted(converter):
    with redirect_stdout(io.StringIO()):
        return converter.convert()


def _tflite(model, samples):
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    _quantized(converter, [samples], tf)
    return _converted(converter)


def _plain_int8(model, samples):
    shown = pictures(seed=11)
    return alike(_answers(_tflite(model, samples), [shown])[0], model.predict(shown, verbose=0))


def _answers(content, inputs):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    details = interpreter.get_input_details()
    for detail, array in zip(details, inputs, strict=True):
        interpreter.resize_tensor_input(detail["index"], (1, *array.shape[1:]))
    interpreter.allocate_tensors()
    rows = []
    for i in range(len(inputs[0])):
        for detail, array in zip(details, inputs, strict=True):
            interpreter.set_tensor(detail["index"], array[i : i + 1])
        interpreter.invoke()
        rows.append([interpreter.get_tensor(one["index"])[0] for one in interpreter.get_output_details()])
    return [np.stack(column) for column in zip(*rows, strict=True)]


def alike(answers, reference):
    return {"agreement": float((answers.argmax(1) == reference.argmax(1)).mean())}


def _float_operators(content):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=plain)
    floats = {one["index"] for one in interpreter.get_tensor_details() if one["dtype"] == np.float32}
    return sorted(
        one["op_name"]
        for one in interpreter._get_ops_details()
        if floats & set(one["outputs"].tolist()) and one["op_name"] not in ("DEQUANTIZE", "QUANTIZE")
    )


def _times(content, other, *, rounds=40):
    """Return the ratio of the least times of two files, run in turn."""
    from time import perf_counter

    from ai_edge_litert.interpreter import Interpreter

    def runner(model):
        interpreter = Interpreter(model_content=model, num_threads=1)
        (detail,) = interpreter.get_input_details()
        interpreter.resize_tensor_input(detail["index"], (1, *detail["shape"][1:]))
        interpreter.allocate_tensors()
        interpreter.set_tensor(detail["index"], np.zeros((1, *detail["shape"][1:]), detail["dtype"]))
        return interpreter.invoke

    runs, least = [runner(content), runner(other)], [np.inf, np.inf]
    for _ in range(rounds):
        for i, run in enumerate(runs):
            begin = perf_counter()
            run()
            least[i] = min(least[i], perf_counter() - begin)
    return {"times the float file's": least[0] / least[1]}
