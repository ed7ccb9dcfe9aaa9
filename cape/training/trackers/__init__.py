"""The trackers of this package."""
