"""Reader of the Well's files: <name>/data/{train,valid,test}/*.hdf5 (polymathic-ai.org/the_well/data_format).

Layout: `dimensions` (attribute `spatial_dims`) with `time` and one dataset per axis; scalars, vectors and tensors in
`t0_fields`, `t1_fields`, `t2_fields` [sample, time, *space, *component], of which axes that do not vary are absent;
`boundary_conditions`; parameters named by the root attribute `simulation_parameters`, in `scalars` or as root
attributes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from cape.datasets.fields import whole
from cape.datasets.readers.hdf5 import axis, dataset, open_hdf5, sample_times, text, texts
from cape.datasets.readers.well_boundaries import boundaries_of, internal_boundaries
from cape.datasets.readers.yaml_text import numbers_of
from cape.datasets.slabs import Slab, SlabStore
from cape.datasets.start_numbers import numbered_from
from cape.datasets.trajectories import Trajectories

RANKS = {"t0_fields": 0, "t1_fields": 1, "t2_fields": 2}
SPLITS = ("train", "valid", "test")
NAMED = "simulation_parameters"


def is_the_well(file: h5py.File) -> bool:
    return "dimensions" in file and any(group in file for group in RANKS)


def open_the_well(path: str | Path) -> Trajectories:
    """Open one file of the Well; reads no field.

    Channels are the fields in the order of the file; components are named after the axes: velocity_x, stress_xy;
    those of a symmetric tensor come once. A field that varies with neither sample nor time is a channel as well.

    Initial conditions: The Well does not say which trajectories start alike. Sample i is taken to start as sample i
    of the files whose names differ in parameter values or words, but not in other numbers (..._chunk_3); samples of
    train, valid and test never start alike.

    Raises:
        ValueError: naming the file and the dataset, attribute or parameter that is missing or does not fit.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        axes = texts(file["dimensions"], "spatial_dims")
        if not 1 <= len(axes) <= 3:
            raise ValueError(
                f"{path}: 'dimensions' has spatial_dims {axes}, expected the names of 1 to 3 axes"
            )
        fields = [(f"{group}/{name}", rank) for group, rank in RANKS.items() for name in _names(file, group)]
        if not fields:
            raise ValueError(f"{path}: no field in {', '.join(RANKS)}")
        shape = _shape(path, file, axes, [name for name, _ in fields])
        slabs, channels = [], []
        for name, rank in fields:
            slab, own = _slab(path, file, name, rank, axes, shape)
            slabs.append(slab)
            channels.extend(own)
        names = _parameter_names(file, shape[0])
        columns = [_parameter(path, file, name, shape[0]) for name in names]
        parameters = np.stack(columns, 1) if columns else np.zeros((shape[0], 0))
        first = fields[0][0]
        return Trajectories(
            fields=whole(SlabStore(path, tuple(slabs), shape)),
            parameters=parameters,
            parameter_names=names,
            channel_names=tuple(channels),
            coordinates=tuple(
                axis(path, file, f"dimensions/{a}", [n], first) for a, n in zip(axes, shape[2:], strict=True)
            ),
            times=sample_times(path, file, "dimensions/time", shape[0], [shape[1]], first),
            boundaries=boundaries_of(path, file, axes),
            initial_conditions=numbered_from(_start_key(path, file, parameters), shape[0]),
            equation=text(file, "dataset_name") or "unknown",
        )


def well_notes(path: Path, trajectories: Trajectories) -> list[tuple[str, str]]:
    """Tell what is left out or taken for granted, and the statistics that come with the data set."""
    notes = [
        ("note", "sample i of files that differ in parameters alone counts as the same initial condition")
    ]
    with open_hdf5(path) as file:
        grid = text(file, "grid_type")
        if grid and grid.lower() != "cartesian":
            notes.append(("note", f"grid type {grid}: axes and components are taken as they are"))
        unused = [n for n in _scalars(file) if n not in trajectories.parameter_names]
        unused += [n for n in texts(file, NAMED) if n not in (*trajectories.parameter_names, *unused)]
        if unused:
            notes.append(("note", f"not parameters, for want of one number per sample: {', '.join(unused)}"))
        notes.extend(("note", note) for note in internal_boundaries(file))
    return notes + _statistics(path)


def _names(file: h5py.File, group: str) -> tuple[str, ...]:
    """Datasets of a group, in the order of its attribute `field_names`."""
    if group not in file:
        return ()
    return texts(file[group], "field_names") or tuple(file[group])


def _varies(field: h5py.Dataset, axes: int) -> tuple[bool, ...]:
    """Whether a field varies with sample, time and each axis of space; it does where nothing is said."""
    space = np.asarray(field.attrs.get("dim_varying", [True] * axes), bool).ravel()
    return (*(bool(field.attrs.get(f"{a}_varying", True)) for a in ("sample", "time")), *space.tolist())


def _shape(path: Path, file: h5py.File, axes: tuple[str, ...], fields: list[str]) -> tuple[int, ...]:
    """[sample, time, *space], from a field or else the attribute `n_trajectories`, and from `dimensions`."""
    varying = [f for f in fields if _varies(dataset(path, file, f), len(axes))[0]]
    samples = file[varying[0]].shape[:1] if varying else (file.attrs.get("n_trajectories"),)
    if None in samples or not samples:
        raise ValueError(
            f"{path}: number of samples unknown, expected a field that varies with the sample, or the root "
            "attribute 'n_trajectories'"
        )
    frames = dataset(path, file, "dimensions/time").shape[-1:] or (0,)
    return (int(samples[0]), *frames, *(dataset(path, file, f"dimensions/{a}").size for a in axes))


def _slab(
    path: Path, file: h5py.File, name: str, rank: int, axes: tuple[str, ...], shape: tuple[int, ...]
) -> tuple[Slab, list[str]]:
    """Where the channels of a field lie, and their names."""
    field, varies = dataset(path, file, name), _varies(dataset(path, file, name), len(axes))
    stored = tuple(n for n, present in zip(shape, varies, strict=False) if present)
    components = field.shape[len(stored) :]
    side = round(float(np.prod(components)) ** (1 / max(rank, 1)))
    forms = ([()], [(side,)], [(side, side), (side**2,)])[rank]
    axes_fit = len(varies) == len(shape) and field.shape == (*stored, *components) and 0 not in field.shape
    if not (axes_fit and components in forms):
        axis_names = [a for a, v in zip(("sample", "time", *axes), varies, strict=False) if v]
        expected = ", ".join([*axis_names, *["component"] * rank])
        raise ValueError(
            f"{path}: {name!r} has axes {list(field.shape)}, expected [{expected}] with {list(stored)} by "
            "'dimensions' and the field's attributes sample_varying, time_varying, dim_varying"
        )
    if not (np.issubdtype(field.dtype, np.floating) or np.issubdtype(field.dtype, np.integer)):
        raise ValueError(f"{path}: {name!r} holds {field.dtype}, expected real numbers")
    letters = axes if side == len(axes) else tuple(map(str, range(side)))
    channels, chosen = [], []
    for number, component in enumerate(np.ndindex(*(side,) * rank)):
        if _independent(field, component):
            chosen.append(number)
            suffix = "".join(letters[i] for i in component)
            channels.append(name.partition("/")[2] + ("_" + suffix if rank else ""))
    return Slab(name, varies, tuple(chosen)), channels


def _independent(field: h5py.Dataset, component: tuple[int, ...]) -> bool:
    """Whether a component does not follow from others: of a (anti)symmetric tensor, the upper triangle."""
    if len(component) < 2:
        return True
    row, column = component
    if field.attrs.get("antisymmetric", False):
        return row < column
    return row <= column or not field.attrs.get("symmetric", False)


def _scalars(file: h5py.File) -> Iterator[str]:
    return (name for name in _names(file, "scalars") if isinstance(file.get(f"scalars/{name}"), h5py.Dataset))


def _parameter_names(file: h5py.File, samples: int) -> tuple[str, ...]:
    """Names in `simulation_parameters` whose values are numbers, then other scalars with one value per sample."""
    named = [n for n in texts(file, NAMED) if _is_number(file.get(f"scalars/{n}", file.attrs.get(n)))]
    others = (file[f"scalars/{n}"] for n in _scalars(file) if n not in named)
    single = [
        d for d in others if _is_number(d) and not _in_time(d) and (d.size == 1 or d.shape == (samples,))
    ]
    return (*named, *(d.name.rpartition("/")[2] for d in single))


def _is_number(value: object) -> bool:
    kind = np.dtype(getattr(value, "dtype", type(value) if isinstance(value, int | float) else object))
    return np.issubdtype(kind, np.floating) or np.issubdtype(kind, np.integer)


def _in_time(scalar: h5py.Dataset) -> bool:
    return bool(scalar.attrs.get("time_varying", False))


def _parameter(path: Path, file: h5py.File, name: str, samples: int) -> np.ndarray:
    """One value per sample, from `scalars` or else a root attribute."""
    where, value = f"scalars/{name}", file.attrs.get(name)
    if where in file:
        if _in_time(file[where]):
            raise ValueError(
                f"{path}: parameter {where!r} {list(file[where].shape)} varies in time, expected one value per file "
                "or per sample: a one-step map at fixed parameters cannot follow it"
            )
        value = file[where][...]
    values = np.asarray(value, np.float64)
    if values.size != 1 and values.shape != (samples,):
        raise ValueError(
            f"{path}: parameter {name!r} has shape {list(values.shape)}, expected [] or [{samples}]"
        )
    return np.broadcast_to(values.reshape(-1), samples).copy()


def _start_key(path: Path, file: h5py.File, parameters: np.ndarray) -> str:
    """What files have in common whose samples of one number are taken to start alike."""
    values = np.unique(parameters)
    written = re.findall(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", path.stem)
    others = [number for number in written if not np.isclose(float(number), values, rtol=1e-3, atol=0).any()]
    folder = path.absolute().parent.name
    split = folder if folder in SPLITS else ""
    return "/".join([text(file, "dataset_name") or "unknown", split, *others])


def _statistics(path: Path) -> list[tuple[str, str]]:
    """Mean and standard deviation from <name>/stats.yaml, where the file lies in <name>/data/<split>/."""
    data = path.absolute().parent.parent
    stats = data.parent / "stats.yaml"
    if data.name != "data" or not stats.is_file():
        return []
    try:
        numbers = numbers_of(stats.read_text())
    except (ValueError, OSError) as error:
        return [("warning", f"{stats}: {error}")]
    fields = [entry.removeprefix("mean.") for entry in numbers if entry.startswith("mean.")]
    shown = ", ".join(f"{f} {numbers[f'mean.{f}']:g} ± {numbers.get(f'std.{f}', np.nan):g}" for f in fields)
    return [("stats.yaml", shown)] if shown else []
