"""Presets: one TOML file each, read by `cape train NAME`."""
