"""The normalisations: one file each."""
