"""Parameters and numbers of initial conditions that are given in the order of the samples of all files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cape.datasets.formats.description import Description
from cape.datasets.trajectories import Trajectories


def in_order(parts: Sequence[Trajectories], wanted: Description) -> list[Trajectories]:
    """Return the trajectories of all files with the values that are given by order.

    Raises:
        ValueError: there are not as many values as samples, or files.
    """
    counts = [part.samples for part in parts]
    filled = [part.parameters.copy() for part in parts]
    for name, (where, values) in _columns(parts, wanted).items():
        for parameters, part, chosen in zip(filled, parts, _split(where, values, counts), strict=True):
            parameters[:, part.parameter_names.index(name)] = chosen
    numbers = [part.initial_conditions for part in parts]
    if isinstance(wanted.initial_conditions, np.ndarray):
        given = wanted.initial_conditions
        if not np.issubdtype(given.dtype, np.integer):
            raise ValueError(f"initial_conditions: expected integers, got {given.dtype}")
        numbers = _split("initial_conditions", given, counts)
    return [
        replace(part, parameters=p, initial_conditions=np.asarray(n, np.int64))
        for part, p, n in zip(parts, filled, numbers, strict=True)
    ]


def _columns(parts: Sequence[Trajectories], wanted: Description) -> dict[str, tuple[str, np.ndarray]]:
    """Return for each parameter that is given by order where its values come from, and the values."""
    table, found = wanted.table, {}
    for name in parts[0].parameter_names:
        place = name if wanted.parameters is None else wanted.parameters.get(name, name)
        if isinstance(place, np.ndarray):
            found[name] = (f"parameter {name!r}", place)
        elif table is not None and table.files is None and isinstance(place, str) and place in table.columns:
            found[name] = (f"{table.path}: column {place!r}", table.column(place))
    return found


def _split(where: str, values: np.ndarray, counts: Sequence[int]) -> list[np.ndarray]:
    """Split values, one for each sample or one for each file, into those of each file."""
    samples = sum(counts)
    if values.shape == (samples,):
        return np.split(values, np.cumsum(counts)[:-1])
    if values.shape == (len(counts),):
        return [np.full(n, value) for n, value in zip(counts, values, strict=True)]
    files = f" or {len(counts)} (one for each file)" if len(counts) > 1 else ""
    raise ValueError(
        f"{where}: {len(values) if values.ndim == 1 else list(values.shape)} values, expected {samples} (one for each "
        f"sample){files}"
    )
