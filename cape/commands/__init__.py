"""The commands of `cape`, one file each: read the options, call the library, print."""
