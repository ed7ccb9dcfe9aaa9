"""Shipped surrogates: one folder each, written by `cape publish` and loaded by `cape.load(NAME)`."""
