"""Zarr stores: open them, and find out whether all of their chunks are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from cape.datasets.formats.array_file import LazyArray, scalar_numbers

METADATA = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")
DIMENSIONS = "_ARRAY_DIMENSIONS"  # attribute of version 2 with the names of axes


def is_zarr(path: Path) -> bool:
    """Return whether a path is a zarr store, by its suffix or by the metadata in it."""
    if path.suffix == ".zarr" or path.name.endswith(".zarr.zip"):
        return path.exists()
    return path.is_dir() and any((path / name).is_file() for name in METADATA)


def open_store(path: Path) -> tuple[Any, bool]:
    """Return a store for zarr and xarray, and whether all its arrays name their axes.

    Raises:
        ValueError: the metadata of the store or of an array are missing or damaged.
    """
    import zarr

    try:
        is_zip = path.is_file()
        store = (
            zarr.storage.ZipStore(path, mode="r") if is_zip else zarr.storage.LocalStore(path, read_only=True)
        )
        root = zarr.open(store, mode="r")
        arrays = [root] if isinstance(root, zarr.Array) else [array for _, array in root.arrays()]
    except Exception as error:  # zarr and zipfile raise many kinds
        raise ValueError(
            f"{path}: not a complete zarr store: its metadata are missing or damaged ({type(error).__name__}: "
            f"{error}); copy or write it again"
        ) from error
    inner = [] if path.is_file() else [f for f in path.iterdir() if f.is_dir() and not f.name.startswith(".")]
    without = sorted(folder.name for folder in inner if not _has_metadata(folder))
    if not isinstance(root, zarr.Array) and without:
        raise ValueError(
            f"{path}: the metadata of {', '.join(without)} are missing ({METADATA[0]} or {METADATA[2]}); copy or "
            "write the store again"
        )
    return store, not isinstance(root, zarr.Array) and all(_axis_names(array) for array in arrays)


def open_plain(store: Any) -> tuple[dict[str, LazyArray], dict[str, tuple[str, ...]], dict[str, float]]:
    """Return the arrays, names of axes and attributes of a store whose axes are not all named."""
    import zarr

    root = zarr.open(store, mode="r")
    arrays = {"u": root} if isinstance(root, zarr.Array) else dict(root.arrays())
    names = {name: found for name, array in arrays.items() if (found := _axis_names(array))}
    return cast(dict[str, LazyArray], arrays), names, scalar_numbers(root.attrs.asdict())


def check_chunks(path: Path, name: str) -> None:
    """Check that all chunks of an array are stored.

    Raises:
        ValueError: some are missing.
    """
    import zarr

    root = zarr.open(open_store(path)[0], mode="r")
    array = cast(zarr.Array, root if isinstance(root, zarr.Array) else root[name])
    found, expected = array.nchunks_initialized, array.nchunks
    if found < expected:
        raise ValueError(
            f"{path}: {expected - found} of the {expected} chunks of {name!r} are missing, as in an unfinished copy; "
            f"copy it again. If they were left out because all their values are {array.fill_value}, set trusted = true"
        )


def _has_metadata(folder: Path) -> bool:
    return any((folder / name).is_file() for name in METADATA)


def _axis_names(array: Any) -> tuple[str, ...]:
    names = array.metadata.dimension_names if array.metadata.zarr_format == 3 else array.attrs.get(DIMENSIONS)
    return tuple(str(name or "") for name in names) if names else ()
