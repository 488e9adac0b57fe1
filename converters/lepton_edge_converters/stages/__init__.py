"""Stages of a conversion, and what they gave before: a second run repeats nothing that it need not."""
