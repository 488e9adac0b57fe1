"""Channel pruning: which channels of a Keras model belong together, and the model without some of them."""
