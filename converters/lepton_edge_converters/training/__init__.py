"""A Keras 3 model trained again until it answers as before: in the worker, on samples with or without labels."""
