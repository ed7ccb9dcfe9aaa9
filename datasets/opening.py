"""Open files of any known layout together, and tell a human what is in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from cape.datasets.fields import finite_samples
from cape.datasets.readers.hdf5 import open_hdf5
from cape.datasets.readers.named_channels import is_named_channels, open_named_channels
from cape.datasets.readers.pdebench import TIMES, is_compressible, is_scalar, open_compressible, open_scalar
from cape.datasets.readers.pdebench_incompressible import (
    incompressible_notes,
    is_incompressible,
    open_incompressible,
)
from cape.datasets.readers.pdebench_samples import is_samples, open_samples, sample_notes
from cape.datasets.readers.the_well import is_the_well, open_the_well, well_notes
from cape.datasets.trajectories import Trajectories, concatenate, is_uniform

SUFFIXES = (".hdf5", ".h5")


@dataclass(frozen=True)
class Layout:
    """A file layout: what to look for, how to recognise it, how to open it, what to tell beyond the trajectories.

    `notes` gives rows (label, text) for `inspect`.
    """

    name: str
    description: str
    recognises: Callable[[h5py.File], bool]
    open: Callable[[Path], Trajectories]
    notes: Callable[[Path, Trajectories], list[tuple[str, str]]] = lambda path, trajectories: []


LAYOUTS = (
    Layout(
        "The Well",
        "'dimensions', 't0_fields', 't1_fields', 't2_fields', 'boundary_conditions'",
        is_the_well,
        open_the_well,
        well_notes,
    ),
    Layout(
        "PDEBench group per sample",
        "groups '0000', '0001', ..., each with 'data' [time, *space, channel] and 'grid'",
        is_samples,
        open_samples,
        sample_notes,
    ),
    Layout(
        "PDEBench incompressible flow",
        "'velocity' [sample, time, x, y, 2], 'particles', 'force', 't'",
        is_incompressible,
        open_incompressible,
        incompressible_notes,
    ),
    Layout("PDEBench scalar", "'tensor' [sample, time, x] with 'x-coordinate'", is_scalar, open_scalar),
    Layout(
        "PDEBench compressible flow",
        "'density', 'pressure', 'Vx'[, 'Vy'[, 'Vz']] [sample, time, *space]",
        is_compressible,
        open_compressible,
    ),
    Layout(
        "named channels",
        "one dataset [sample, time, *space] for each name in the root attribute 'channels'",
        is_named_channels,
        open_named_channels,
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
        inside = _inside(path) if path.is_dir() else [path]
        if not inside:
            folders = sorted({f"{f.parent}" for s in SUFFIXES for f in path.glob(f"data/*/*{s}")})
            folders = folders or sorted({f"{f.parent}" for s in SUFFIXES for f in path.glob(f"*/*{s}")})
            hint = f"; give one of {', '.join(folders)}" if folders else ""
            raise ValueError(f"{path}: a folder without {' or '.join(SUFFIXES)} files{hint}")
        files.extend(inside)
    repeated = sorted({str(f) for f in files if files.count(f) > 1})
    if repeated:
        raise ValueError(f"{', '.join(repeated)}: given more than once; give every file once")
    return files


def _inside(folder: Path) -> list[Path]:
    """List files by name, without those that start with a dot: being written, or what a system keeps beside a file."""
    return sorted(p for p in folder.iterdir() if p.suffix in SUFFIXES and not p.name.startswith("."))


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


def inspect(paths: Paths, check_values: bool = False) -> str:
    """Describe files for a human: layout, axes, names, parameters, boundaries, times, and what to beware of.

    Reads no field, unless `check_values` asks for the range of each channel and a search for NaN.

    Raises:
        ValueError: for a missing or unknown file. That files do not go together is told in the text.
    """
    files = find_files(paths)
    layouts = [layout_of(path) for path in files]
    parts = [layout.open(path) for layout, path in zip(layouts, files, strict=True)]
    sections = [
        "\n".join([str(path), *_aligned(_describe(path, layout, part, check_values))])
        for path, layout, part in zip(files, layouts, parts, strict=True)
    ]
    return "\n\n".join([*sections, "\n".join(["All together", *_aligned(_describe_all(parts))])])


def _aligned(rows: list[tuple[str, str]]) -> list[str]:
    width = max(len(name) for name, _ in rows)
    return [f"  {name:<{width}}  {value}" for name, value in rows]


def _describe(path: Path, layout: Layout, t: Trajectories, check_values: bool) -> list[tuple[str, str]]:
    rows = [
        ("layout", layout.name),
        ("equation", t.equation),
        ("samples", f"{t.samples}, of {len(np.unique(t.initial_conditions))} initial conditions"),
        ("frames", _frames(t)),
    ]
    for name, x, length, kind in zip("xyz", t.coordinates, t.lengths, t.boundaries, strict=False):
        rows.append(
            (f"axis {name}", f"{len(x)} points, {x[0]:g} to {x[-1]:g}, d{name} = {length / len(x):g}, {kind}")
        )
    rows.append(("channels", ", ".join(t.channel_names)))
    rows.extend(_parameters(t))
    if check_values:
        rows.extend(_values(t))
    rows.extend(layout.notes(path, t))
    with open_hdf5(path) as file:
        if TIMES in file and len(file[TIMES]) == t.frames + 1:
            rows.append(("note", f"'{TIMES}' is one longer than the frames, as in the published files"))
    if not t.parameter_names:
        rows.append(("note", "no parameter: nothing for a conditioned model to learn from"))
    if t.frames == 1:
        rows.append(("warning", "one frame only: there is no step to learn"))
    elif not is_uniform(t.times):
        rows.append(("warning", "times are not uniform: a one-step map needs one time step"))
    for name, x in zip("xyz", t.coordinates, strict=False):
        if not is_uniform(x):
            rows.append(("warning", f"axis {name} is not uniform: spectral layers take it as uniform"))
    return rows


def _describe_all(parts: Sequence[Trajectories]) -> list[tuple[str, str]]:
    try:
        t = concatenate(parts)
    except ValueError as error:
        return [("warning", f"these files do not go together: {error}")]
    ids = len(np.unique(t.initial_conditions))
    rows = [
        ("files", str(len(parts))),
        ("samples", f"{t.samples}, of {ids} initial conditions"),
        ("fields", f"{int(np.prod(t.fields.shape)) * 4 / 2**20:,.1f} MiB in memory (float32)"),
        *_parameters(t),
    ]
    for name, values in zip(t.parameter_names, t.parameters.T, strict=True):
        if len(np.unique(values)) == 1:
            rows.append(
                (
                    "warning",
                    f"{name} does not vary: a conditioned model will learn nothing from it; give files "
                    "with several values",
                )
            )
    return rows


def _frames(t: Trajectories) -> str:
    if t.frames == 1:
        return f"1, t = {t.times[0]:g}"
    steps = np.diff(t.times)
    dt = f"{steps.mean():g}" if is_uniform(t.times) else f"{steps.min():g} to {steps.max():g}"
    return f"{t.frames}, t = {t.times[0]:g} to {t.times[-1]:g}, dt = {dt}"


def _parameters(t: Trajectories) -> list[tuple[str, str]]:
    rows = []
    for name, column in zip(t.parameter_names, t.parameters.T, strict=True):
        values = np.unique(column)
        if len(values) <= 12:
            shown = ", ".join(f"{v:g}" for v in values)
        else:
            shown = f"{len(values)} values from {values[0]:g} to {values[-1]:g}"
        rows.append((f"parameter {name}", shown))
    return rows


def _values(t: Trajectories) -> list[tuple[str, str]]:
    low, high = np.full(len(t.channel_names), np.inf), np.full(len(t.channel_names), -np.inf)
    bad = 0
    for _, block, _ in t.fields.blocks():
        good = finite_samples(block)
        bad += int((~good).sum())
        axes = tuple(range(block.ndim - 1))
        low = np.minimum(low, block[good].min(axis=axes, initial=np.inf))
        high = np.maximum(high, block[good].max(axis=axes, initial=-np.inf))
    rows = [
        (f"range {name}", f"{a:g} to {b:g}")
        for name, a, b in zip(t.channel_names, low, high, strict=True)
        if a <= b
    ]
    if bad:
        rows.append(
            (
                "warning",
                f"{bad} of {t.samples} samples hold NaN or infinity: drop_nonfinite() leaves them out",
            )
        )
    return rows
