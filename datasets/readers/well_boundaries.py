"""Boundary kinds per axis from the Well's `boundary_conditions`.

Each group there has `bc_type` (PERIODIC, WALL, OPEN), `associated_dims` (names of axes) and a mask over these axes.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from cape.datasets.readers.hdf5 import text, texts

GROUP = "boundary_conditions"
KINDS = {"periodic": "periodic", "wall": "wall", "open": "outgoing"}


def boundaries_of(path: Path, file: h5py.File, axes: tuple[str, ...]) -> tuple[str, ...]:
    """Kind of each axis: what holds at its ends by the masks; wall where one end is a wall and the other open.

    Conditions on one axis come first; where there are none, those on several axes decide if they are of one kind.

    Raises:
        ValueError: an unknown `bc_type`, or an axis without a condition, or one that is periodic and is not.
    """
    kinds = []
    for name in axes:
        kinds_here = _kinds(path, file, name)
        if not kinds_here or ("periodic" in kinds_here and len(kinds_here) > 1):
            raise ValueError(
                f"{path}: boundary of axis {name!r} is {' and '.join(sorted(kinds_here)) or 'unknown'}, expected one "
                f"condition in {GROUP!r} with 'associated_dims' [{name!r}] and 'bc_type' PERIODIC, WALL or OPEN"
            )
        kinds.append("wall" if "wall" in kinds_here else kinds_here.pop())
    return tuple(kinds)


def internal_boundaries(file: h5py.File) -> list[str]:
    """Describe conditions that kinds per axis cannot express: obstacles, and axes with two different ends."""
    notes: list[str] = []
    per_axis: dict[str, set[str]] = {}
    for name, condition in _conditions(file):
        dims = texts(condition, "associated_dims")
        if len(dims) == 1:
            per_axis.setdefault(dims[0], set()).add(str(text(condition, "bc_type")).upper())
        elif dims:
            notes.append(
                f"condition {name} ({text(condition, 'bc_type')}) inside the domain is not known to the model"
            )
    mixed = [
        f"axis {dim} is {' and '.join(sorted(kinds))}" for dim, kinds in per_axis.items() if len(kinds) > 1
    ]
    return [f"{what}: it counts as wall" for what in mixed] + notes


def _conditions(file: h5py.File) -> list[tuple[str, h5py.Group]]:
    return [(name, group) for name, group in file.get(GROUP, {}).items() if isinstance(group, h5py.Group)]


def _kinds(path: Path, file: h5py.File, axis: str) -> set[str]:
    """Kinds of the conditions on this axis alone, or else on this and others."""
    alone, shared = set(), set()
    for name, condition in _conditions(file):
        dims, kind = texts(condition, "associated_dims"), str(text(condition, "bc_type")).lower()
        if axis not in dims:
            continue
        if kind not in KINDS:
            raise ValueError(
                f"{path}: '{GROUP}/{name}' has bc_type {text(condition, 'bc_type')!r}, expected PERIODIC, WALL or OPEN"
            )
        if len(dims) > 1:
            shared.add(KINDS[kind])
        elif _at_ends(condition):
            alone.add(KINDS[kind])
    return alone or (shared if len(shared) == 1 else set())


def _at_ends(condition: h5py.Group) -> bool:
    """Whether the mask of a condition on one axis marks an end of it; so where there is no such mask."""
    mask = condition.get("mask")
    if not isinstance(mask, h5py.Dataset) or mask.ndim != 1 or len(mask) == 0:
        return True
    marked = np.asarray(mask[...], bool)
    return bool(marked[0] or marked[-1])
