"""Changes to a traced graph that leave its answers alone and make it easier to quantize."""
