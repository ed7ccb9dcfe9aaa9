"""The report of a run as one HTML page that opens from disk and needs no network."""
