"""Our runtime beside its peers: same model, same frames, one run, each in an environment of its own."""
