"""Checks of all data of a run before it starts: uniform grids, and values without NaN and infinity."""

from __future__ import annotations

import warnings
from collections.abc import Container, Mapping

import numpy as np

from cape.datasets.not_finite import NotFinite
from cape.datasets.trajectories import Trajectories, is_uniform


def check_grid(trajectories: Trajectories) -> None:
    """Check that the points of each axis are equally spaced, as spectral layers and convolutions assume.

    Raises:
        ValueError: the spacing of an axis varies; the message names file and axis.
    """
    for name, x in zip("xyz", trajectories.coordinates, strict=False):
        if not is_uniform(x):
            steps = np.diff(x)
            raise ValueError(
                f"{trajectories.source}: axis {name} is not uniform (spacing from {steps.min():g} to "
                f"{steps.max():g}), expected equally spaced points; interpolate the fields to a uniform grid"
            )


def check_values(parts: Mapping[str, Trajectories], *, kept: Container[str]) -> dict[str, Trajectories]:
    """Read all parts once and check that they are finite; return them, with those that are `kept` in memory.

    Raises:
        NotFinite: samples hold NaN or infinity; the message names those of all parts.
    """
    errors, checked = [], {}
    for name, part in parts.items():
        try:
            if name in kept:
                checked[name] = part.loaded()
            else:
                part.fields.check_finite()
                checked[name] = part
        except NotFinite as error:
            errors.append(error)
    if errors:
        raise NotFinite.joined(errors, sum(part.samples for part in parts.values()))
    return checked


def drop_nonfinite(parts: Mapping[str, Trajectories]) -> dict[str, Trajectories]:
    """Leave out the samples of all parts that hold NaN or infinity. Reads all parts once.

    Warns:
        UserWarning: how many samples of which file are left out, in one line.

    Raises:
        ValueError: no sample of a part is left.
    """
    left_out: dict[str, int] = {}
    finite = {}
    for name, part in parts.items():
        good = part.fields.finite()
        if part.samples and not good.any():
            raise ValueError(
                f"{part.source}: all {part.samples} samples for {name} hold NaN or infinity, so none is left"
            )
        for file, positions in part.select(~good).fields.positions.items():
            left_out[file] = left_out.get(file, 0) + len(positions)
        finite[name] = part.select(good)
    if left_out:
        counts = ", ".join(f"{count} of {file}" for file, count in left_out.items())
        warnings.warn(f"left out samples with NaN or infinity: {counts}", stacklevel=2)
    return finite
