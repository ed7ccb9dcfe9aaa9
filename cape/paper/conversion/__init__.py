"""Conversion of checkpoints of the published PyTorch implementation."""
