"""Trained models into memory, described and traced: what a converter needs to know of them."""
