"""Open files of any known layout together, and tell a human what is in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py

from .hdf5 import open_hdf5
from .pdebench import is_compressible, is_scalar, open_compressible, open_scalar
from .trajectories import Trajectories, concatenate

SUFFIXES = (".hdf5", ".h5")


@dataclass(frozen=True)
class Layout:
    """A file layout: what to look for, how to recognise it, how to open it."""

    name: str
    description: str
    recognises: Callable[[h5py.File], bool]
    open: Callable[[Path], Trajectories]


LAYOUTS = (
    Layout("PDEBench scalar", "'tensor' [sample, time, x] with 'x-coordinate'", is_scalar, open_scalar),
    Layout(
        "PDEBench compressible flow",
        "'density', 'pressure', 'Vx'[, 'Vy'[, 'Vz']] [sample, time, *space]",
        is_compressible,
        open_compressible,
    ),
)

Paths = str | Path | Sequence[str | Path]


def open_files(paths: Paths) -> Trajectories:
    """Open files (or folders of .hdf5 and .h5 files, sorted by name) of one PDE together; reads no field.

    Raises:
        ValueError: for a missing or unknown file, or files that do not go together, naming them.
    """
    return concatenate([layout_of(path).open(path) for path in find_files(paths)])


def find_files(paths: Paths) -> list[Path]:
    """List the files meant: files as given, folders as their .hdf5 and .h5 files sorted by name."""
    given = [Path(p) for p in ([paths] if isinstance(paths, str | Path) else paths)]
    if not given:
        raise ValueError("expected at least one HDF5 file or folder, got none")
    files = []
    for path in given:
        inside = sorted(p for p in path.iterdir() if p.suffix in SUFFIXES) if path.is_dir() else [path]
        if not inside:
            raise ValueError(f"{path}: a folder without {' or '.join(SUFFIXES)} files")
        files.extend(inside)
    repeated = sorted({str(f) for f in files if files.count(f) > 1})
    if repeated:
        raise ValueError(f"{', '.join(repeated)}: given more than once; give every file once")
    return files


def layout_of(path: Path) -> Layout:
    """Recognise the layout of a file by its datasets, without reading them."""
    with open_hdf5(path) as file:
        for layout in LAYOUTS:
            if layout.recognises(file):
                return layout
        found = [
            f"{name} {list(d.shape)}" if isinstance(d, h5py.Dataset) else f"{name}/"
            for name, d in file.items()
        ]
    shown = ", ".join(found[:8]) + (f", ... ({len(found)} in all)" if len(found) > 8 else "")
    known = "; ".join(f"{layout.name}: {layout.description}" for layout in LAYOUTS)
    raise ValueError(f"{path}: unknown layout, found {shown or 'nothing'}. Known layouts: {known}")
