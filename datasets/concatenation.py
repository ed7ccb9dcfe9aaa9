"""Put trajectories of several files together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cape.datasets.fields import join
from cape.datasets.trajectories import UNIFORM, Trajectories, listed

ATTRIBUTES = ("resolution", "channel_names", "parameter_names", "boundaries", "equation", "frames")


def concatenate(parts: Sequence[Trajectories]) -> Trajectories:
    """Put the samples of several trajectories of one PDE, on one grid and at the same times, one after the other.

    Initial conditions keep their numbers: number 3 of one file and number 3 of another are taken to be the same one,
    unless the first frames say otherwise (see `cape.datasets.initial_conditions`).

    Raises:
        ValueError: resolutions, channels, parameter names, boundaries, equations, coordinates or times differ; the
            message names both files.
    """
    if not parts:
        raise ValueError("expected at least one trajectories object, got none")
    first = parts[0]
    for other in parts[1:]:
        for name in ATTRIBUTES:
            _check_equal(getattr(first, name) == getattr(other, name), name, first, other)
        for a, b in zip(first.coordinates, other.coordinates, strict=True):
            close = np.allclose(a, b, rtol=0, atol=UNIFORM * _spacing(a))
            _check_equal(close, "coordinates", first, other)
        close = np.allclose(first.times, other.times, rtol=0, atol=UNIFORM * _spacing(first.times))
        _check_equal(close, "times", first, other)
    return replace(
        first,
        fields=join([p.fields for p in parts]),
        parameters=np.concatenate([p.parameters for p in parts]),
        initial_conditions=np.concatenate([p.initial_conditions for p in parts]),
        numbering=first.numbering if len({p.numbering for p in parts}) == 1 else "position",
    )


def _check_equal(equal: bool, attribute: str, first: Trajectories, other: Trajectories) -> None:
    if not equal:
        a, b = (_short(getattr(t, attribute)) for t in (first, other))
        raise ValueError(
            f"{attribute.replace('_', ' ')}: {a} in {first.source}, {b} in {other.source}; expected files given "
            "together to agree. Give them separately, or sub-sample or shorten one to match the other"
        )


def _spacing(x: np.ndarray) -> float:
    return float(abs(x[-1] - x[0]) / max(len(x) - 1, 1)) or 1.0


def _short(value: object) -> str:
    if isinstance(value, np.ndarray):
        return listed(value)
    if isinstance(value, tuple) and value and isinstance(value[0], np.ndarray):
        return " x ".join(f"[{x[0]:g}, ..., {x[-1]:g}]" for x in value)
    return str(value)
