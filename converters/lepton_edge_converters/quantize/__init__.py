"""The 8-bit quantizer: a float TFLite file that knows its tensors' ranges becomes int8, as often as one likes."""
