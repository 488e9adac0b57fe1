"""The workstation: a trained Keras model in, a bundle out, proven to be still the same model."""
