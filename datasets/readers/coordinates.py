"""Read coordinates and times from HDF5 files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from cape.datasets.readers.hdf5 import numbers


def axis(path: Path, file: h5py.File, name: str, lengths: Sequence[int], field: str) -> np.ndarray:
    """Read the first lengths[0] entries of the coordinates of an axis [n].

    Args:
        lengths: the numbers of entries n that are allowed.
        field: the field of this axis, for messages.

    Raises:
        ValueError: they have another shape or do not increase.
    """
    x = numbers(path, file, name)
    if x.ndim != 1 or len(x) not in lengths:
        raise ValueError(
            f"{path}: {name!r} has shape {list(x.shape)}, expected {' or '.join(f'[{n}]' for n in lengths)} "
            f"to match {field!r} {list(file[field].shape)}"
        )
    values = x[: lengths[0]].astype(np.float64)
    _check_increasing(path, name, values)
    return values


def sample_times(
    path: Path, file: h5py.File, name: str, samples: int, lengths: Sequence[int], field: str
) -> np.ndarray:
    """Read the first lengths[0] times of an axis [time] or [sample, time].

    Samples may start at different times if they have the same steps. Their first frame is at time 0 then.

    Args:
        lengths: the numbers of times that are allowed.
        field: the field of this axis, for messages.

    Raises:
        ValueError: they have another shape, do not increase, or samples have different steps.
    """
    times = numbers(path, file, name)
    if times.ndim == 1:
        return axis(path, file, name, lengths, field)
    if times.ndim != 2 or times.shape[0] not in (1, samples) or times.shape[1] not in lengths:
        expected = " or ".join(f"[{n}] or [{samples}, {n}]" for n in lengths)
        raise ValueError(
            f"{path}: {name!r} has shape {list(times.shape)}, expected {expected} to match {field!r} "
            f"{list(file[field].shape)}"
        )
    values = times[:, : lengths[0]].astype(np.float64)
    if not np.all(values == values[0]):
        values = values - values[:, :1]
    step = np.abs(np.diff(values[0])).max(initial=0.0)
    if not np.allclose(values, values[0], rtol=0, atol=1e-3 * step):
        raise ValueError(
            f"{path}: {name!r} has different time steps in some samples, expected the same in all"
        )
    _check_increasing(path, name, values[0])
    return values[0]


def _check_increasing(path: Path, name: str, values: np.ndarray) -> None:
    if not np.isfinite(values).all() or not np.all(np.diff(values) > 0):
        raise ValueError(f"{path}: {name!r} is not increasing, expected coordinates in ascending order")
