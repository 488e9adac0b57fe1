"""Which places of a picture an answer rests on: parts are hidden, and the model is asked again."""
