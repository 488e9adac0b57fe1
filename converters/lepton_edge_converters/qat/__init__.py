"""Quantization-aware training: weights and ranges learn to bear 8 bits before they are stored in them.

What is trained is no copy of the Keras model, but the twin of its calibrated TFLite file (``quantize/``): a Keras
model of one layer an operator, with the file's numbers as weights. There, and only there, is it known which tensors
will be 8 bits: where activations were fused, which operators must share a scale, that a sigmoid times its input is one
operator and a batch normalization behind a ReLU two. A twin of the Keras layers would have to guess all this, and each
wrong guess trains for another file than the one that ships. Trained numbers go back into the file they came from, and
the quantizer makes of it what it makes of others; so the ONNX file, float layers and reports follow as ever. Nor does
it matter whether the model was Keras 3, Keras 2 or a SavedModel, functional or a class of its own.

Batch normalizations are folded before training: the file has them in its kernels, so the very kernel is rounded that
ships, and statistics, frozen with it, cannot drift between training and inference. R. Krishnamoorthi, "Quantizing deep
convolutional networks for efficient inference" (2018, arXiv:1806.08342), also freezes them for the end of training; in
a few epochs on a trained model they have nothing left to learn.

Rounding is simulated, with gradients straight through, as in B. Jacob et al., "Quantization and training of neural
networks for efficient integer-arithmetic-only inference" (CVPR 2018). The ends of activations' ranges are learned, as
logarithms, by the gradient of S. R. Jain et al., "Trained quantization thresholds for accurate and efficient
fixed-point inference of deep neural networks" (MLSys 2020).
"""
