"""How fast a model runs here, beside the bare engine."""
