"""Readers of file layouts: one file per layout."""
