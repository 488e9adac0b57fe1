"""A net trained on Fashion-MNIST; run as a child, since it imports TensorFlow.

``python -m benchmarks.pruning.train NET SEED PICTURES IMAGES EPOCHS OUT`` trains on the first IMAGES of the training
images in the folder PICTURES, and writes the file OUT.
"""

import sys
from pathlib import Path

import keras

from benchmarks.idx import read
from benchmarks.pruning.nets import NETS

_BATCH = 128
_RATE = 3e-3


def main() -> None:
    """Train a net, and write it."""
    net, seed, source, count, epochs, out = sys.argv[1:]
    keras.utils.set_random_seed(int(seed))
    images, classes = (part[: int(count)] for part in read(Path(source), "train"))
    model = NETS[net]()
    rate = keras.optimizers.schedules.CosineDecay(_RATE, int(epochs) * -(-len(images) // _BATCH))
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    model.fit(images, classes, epochs=int(epochs), batch_size=_BATCH, verbose=0)
    unfinished = Path(out).with_name("unfinished.keras")
    model.save(unfinished)
    unfinished.replace(out)


if __name__ == "__main__":
    main()
