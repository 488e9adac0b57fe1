"""Fewer channels, chosen by what they cost."""
