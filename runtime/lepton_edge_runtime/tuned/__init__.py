"""Choices of engine that ``tune`` has made, as they are stored and found again."""
