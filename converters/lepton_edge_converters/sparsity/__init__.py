"""Weights made zero, or equal, while the model is trained on: what makes a download smaller.

tensorflow-model-optimization does it, which knows tf_keras models only and turns Keras 3 off in its process. So the
model is carried: Keras 3 writes it down in one process (``written``), tf_keras builds it again in another, trains it
there, and gives back weights for the same architecture.
"""
