"""How long a model is trained for 8 bits, and how fast: by how many samples there are to learn from."""

from lepton_edge_converters.train import Training

_STEPS = 400  # of training, about
_EPOCHS = (10, 150)  # at least, and at most
# More than a healthy model would need: one that 8 bits have broken is far from where it must go.
_RATE = 3e-3


def settings_for(samples: int, *, seed: int) -> Training:
    """Return how to train with so many samples."""
    standard = Training()
    steps = -(-samples // standard.batch_size)
    epochs = min(max(-(-_STEPS // steps), _EPOCHS[0]), _EPOCHS[1])
    return Training(epochs=epochs, learning_rate=_RATE, distillation=1.0, patience=max(5, epochs // 4), seed=seed)
