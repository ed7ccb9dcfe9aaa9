"""The fields of The Well's files: scalars, vectors and tensors as channels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from cape.datasets.numbering import MOST_SAMPLES
from cape.datasets.readers.hdf5 import listed_names, numbers
from cape.datasets.slabs import Slab

RANKS = {"t0_fields": 0, "t1_fields": 1, "t2_fields": 2}


def field_names(path: Path, file: h5py.File) -> dict[str, int]:
    """Return the rank of every field, by its path in the file and in the order of the file.

    Raises:
        ValueError: there is no field.
    """
    fields = {
        f"{group}/{name}": rank
        for group, rank in RANKS.items()
        for name in listed_names(file, group, "field_names")
    }
    if not fields:
        raise ValueError(f"{path}: no field in {', '.join(RANKS)}, expected at least one")
    return fields


def unlisted_fields(file: h5py.File) -> list[str]:
    """Return the objects beside the fields that the attribute `field_names` of their group does not name."""
    listed = {f"{group}/{name}" for group in RANKS for name in listed_names(file, group, "field_names")}
    stored = [f"{group}/{name}" for group in RANKS if group in file for name in file[group]]
    return [name for name in stored if name not in listed]


def shape_of(path: Path, file: h5py.File, axes: tuple[str, ...], fields: list[str]) -> tuple[int, ...]:
    """Return [sample, time, *space] by a field or the attribute `n_trajectories`, and by `dimensions`.

    Raises:
        ValueError: the number of samples is unknown, or a dataset is missing.
    """
    varying = [f for f in fields if _varies(numbers(path, file, f), len(axes))[0]]
    samples = file[varying[0]].shape[:1] if varying else (file.attrs.get("n_trajectories"),)
    if None in samples or not samples:
        raise ValueError(
            f"{path}: number of samples unknown, expected a field that varies with the sample, or the root "
            "attribute 'n_trajectories'"
        )
    frames = numbers(path, file, "dimensions/time").shape[-1:] or (0,)
    if not 0 < int(samples[0]) <= MOST_SAMPLES:
        raise ValueError(f"{path}: {samples[0]} samples, expected 1 to {MOST_SAMPLES}")
    return (int(samples[0]), *frames, *(numbers(path, file, f"dimensions/{a}").size for a in axes))


def fields_of(
    path: Path, file: h5py.File, fields: Mapping[str, int], axes: tuple[str, ...], shape: tuple[int, ...]
) -> tuple[tuple[Slab, ...], tuple[str, ...]]:
    """Return the slabs of the fields, and the names of their channels.

    Raises:
        ValueError: a field has the wrong axes, or does not hold real numbers.
    """
    slabs, channels = [], []
    for name, rank in fields.items():
        slab, names = _slab(path, file, name, rank, axes, shape)
        slabs.append(slab)
        channels.extend(names)
    return tuple(slabs), tuple(channels)


def _slab(
    path: Path, file: h5py.File, name: str, rank: int, axes: tuple[str, ...], shape: tuple[int, ...]
) -> tuple[Slab, list[str]]:
    """Return the slab of a field, and the names of its channels."""
    field = numbers(path, file, name)
    varies = _varies(field, len(axes))
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
    letters = axes if side == len(axes) else tuple(map(str, range(side)))
    channels, chosen = [], []
    for number, component in enumerate(np.ndindex(*(side,) * rank)):
        if _independent(field, component):
            chosen.append(number)
            suffix = "".join(letters[i] for i in component)
            channels.append(name.partition("/")[2] + ("_" + suffix if rank else ""))
    return Slab(name, varies, tuple(chosen)), channels


def _varies(field: h5py.Dataset, axes: int) -> tuple[bool, ...]:
    """Return whether a field varies with sample, time and each axis of space; True if it does not say."""
    space = np.asarray(field.attrs.get("dim_varying", [True] * axes), bool).ravel()
    return (*(bool(field.attrs.get(f"{a}_varying", True)) for a in ("sample", "time")), *space.tolist())


def _independent(field: h5py.Dataset, component: tuple[int, ...]) -> bool:
    """Return whether a component does not follow from others; of an (anti)symmetric tensor, only the upper triangle."""
    if len(component) < 2:
        return True
    row, column = component
    if field.attrs.get("antisymmetric", False):
        return row < column
    return row <= column or not field.attrs.get("symmetric", False)
