"""A traced model into the bytes of a file: TFLite first, ONNX derived from it."""

# The routes that an ONNX file can take, in the words of the report.
DERIVED = "derived from the TFLite file, with its scales"
TRACED = "from the traced model"
REQUANTIZED = "from the traced model, quantized by ONNX Runtime on the same samples"
