"""Readers of file layouts: one file per layout, besides the contract in reader.py."""
