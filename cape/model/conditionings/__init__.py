"""The conditionings: one file each."""
