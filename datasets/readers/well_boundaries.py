"""The boundary of each axis by the group `boundary_conditions` of The Well's files.

Each condition is a group with `bc_type` (PERIODIC, WALL, OPEN), `associated_dims` (names of axes) and a mask over these
axes.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from cape.datasets.readers.hdf5 import text, texts
from cape.datasets.readers.written import check_written

GROUP = "boundary_conditions"
BOUNDARY_OF_TYPE = {"periodic": "periodic", "wall": "wall", "open": "outgoing"}


def boundaries_of(path: Path, file: h5py.File, axes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the boundary of each axis: the condition at its ends, by the masks.

    An axis with a wall at one end and an open other end is taken as wall. Conditions on one axis take precedence.
    Without any, conditions on several axes decide, if they are of one type.

    Raises:
        ValueError: a `bc_type` is unknown, or an axis has no condition, or a periodic and another one.
    """
    boundaries = []
    for name in axes:
        found = _boundaries_at(path, file, name)
        if not found or ("periodic" in found and len(found) > 1):
            raise ValueError(
                f"{path}: boundary of axis {name!r} is {' and '.join(sorted(found)) or 'unknown'}, expected one "
                f"condition in {GROUP!r} with 'associated_dims' [{name!r}] and 'bc_type' PERIODIC, WALL or OPEN"
            )
        boundaries.append("wall" if "wall" in found else found.pop())
    return tuple(boundaries)


def boundary_notes(file: h5py.File) -> list[str]:
    """Describe what one boundary per axis cannot express: axes with two different ends, and obstacles."""
    inside: list[str] = []
    per_axis: dict[str, set[str]] = {}
    for name, condition in _conditions(file):
        dims = texts(condition, "associated_dims")
        if len(dims) == 1:
            per_axis.setdefault(dims[0], set()).add(str(text(condition, "bc_type")).upper())
        elif dims:
            inside.append(f"condition {name} ({text(condition, 'bc_type')}) inside the domain is ignored")
    mixed = [
        f"axis {dim} is {' and '.join(sorted(types))}: taken as wall"
        for dim, types in per_axis.items()
        if len(types) > 1
    ]
    return mixed + inside


def _conditions(file: h5py.File) -> list[tuple[str, h5py.Group]]:
    return [(name, group) for name, group in file.get(GROUP, {}).items() if isinstance(group, h5py.Group)]


def _boundaries_at(path: Path, file: h5py.File, axis: str) -> set[str]:
    """Return the boundaries by the conditions on this axis only, or else by those on this and other axes."""
    alone, shared = set(), set()
    for name, condition in _conditions(file):
        dims, bc_type = texts(condition, "associated_dims"), str(text(condition, "bc_type")).lower()
        if axis not in dims:
            continue
        if bc_type not in BOUNDARY_OF_TYPE:
            raise ValueError(
                f"{path}: '{GROUP}/{name}' has bc_type {text(condition, 'bc_type')!r}, expected PERIODIC, WALL or OPEN"
            )
        if len(dims) > 1:
            shared.add(BOUNDARY_OF_TYPE[bc_type])
        elif _at_ends(condition):
            alone.add(BOUNDARY_OF_TYPE[bc_type])
    return alone or (shared if len(shared) == 1 else set())


def _at_ends(condition: h5py.Group) -> bool:
    """Return whether the mask of a condition on one axis marks an end of it; True if there is no such mask."""
    mask = condition.get("mask")
    if not isinstance(mask, h5py.Dataset) or mask.ndim != 1 or len(mask) == 0:
        return True
    if mask.dtype.kind not in "biuf":
        raise ValueError(f"{mask.name!r} holds {mask.dtype}, expected true and false")
    check_written(Path(mask.file.filename), mask)
    marked = np.asarray(mask[...], bool)
    return bool(marked[0] or marked[-1])
