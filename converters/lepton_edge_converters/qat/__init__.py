"""Quantization-aware training: weights and ranges learn to bear 8 bits before they are stored in them.

What is trained is no copy of the Keras model, but the twin of its calibrated TFLite file (``quantize/``): a Keras
model of one layer an operator, with the file's numbers as weights. There, and only there, is it known which tensors
will be 8 bits: where activations were fused, which operators must share a scale, that ``x * sigmoid(x)`` became one
operator and a batch normalization behind a ReLU became two. A twin of the Keras layers would have to guess all this, and
every wrong guess trains for another file than the one that ships. Trained numbers go back into the file they came from,
and the same quantizer makes of it what it makes of others; so the ONNX file, float layers and reports follow as ever.
It also makes no difference whether the model was Keras 3, Keras 2 or a SavedModel, functional or a class of its own.

Batch normalizations are folded before training: the file has them in its kernels, so the very kernel is rounded that
ships, and statistics, frozen with it, cannot drift between training and inference. Krishnamoorthi, "Quantizing deep
convolutional networks for efficient inference" (2018, arXiv:1806.08342, 3.2.2) found freezing them better than letting
them follow batches; for a last few epochs on a trained model they have nothing left to do.

Rounding is simulated as Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
inference" (CVPR 2018) do, gradients passing straight through. Ends of activations' ranges are learned, as logarithms,
by the gradient of Jain et al., "Trained quantization thresholds" (MLSys 2020).
"""
