"""A traced model into the bytes of a file: TFLite first, ONNX derived from it."""
