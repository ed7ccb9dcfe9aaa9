"""Checks of finished runs: whether a model obeys its parameters, and what a value costs that was not trained on."""
