"""Trajectories from arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from cape.datasets.boundaries import BOUNDARIES
from cape.datasets.fields import whole
from cape.datasets.stores import MemoryStore
from cape.datasets.trajectories import Trajectories, listed
from cape.registry import nearest


def from_arrays(
    u: ArrayLike,
    parameters: Mapping[str, ArrayLike],
    *,
    dt: float | None = None,
    dx: float | Sequence[float] | None = None,
    times: ArrayLike | None = None,
    coordinates: Sequence[ArrayLike] | None = None,
    channels: Sequence[str] | None = None,
    boundaries: str | Sequence[str] = "periodic",
    equation: str = "unknown",
    initial_conditions: ArrayLike | None = None,
) -> Trajectories:
    """Make trajectories from arrays in memory.

    Args:
        u: [sample, time, *space] or, if `channels` is given, [sample, time, *space, channel]; 1 to 3 space axes. The
            first frame is the initial condition.
        parameters: for every parameter its value, or one value per sample [sample]; the order is kept.
        dt: time between frames; the first frame is at time 0. Give either `dt` or `times`.
        times: [time], increasing.
        dx: spacing of the points, one for all axes or one per axis; the first point is at dx / 2, a cell centre. Give
            either `dx` or `coordinates`.
        coordinates: one increasing array [n] of cell centres per axis.
        channels: names of the channels; None if `u` has no channel axis.
        boundaries: "periodic", "outgoing" or "wall", one for all axes or one per axis.
        equation: name of the equation; a registered one lets trainings use its symmetries.
        initial_conditions: integers [sample]; equal numbers mean equal initial conditions, which are never split
            between training and evaluation. None: samples with equal first frames have equal ones.

    Raises:
        ValueError: shapes or lengths do not fit; both or neither of two alternatives are given; names repeat; or
            values are not finite or not increasing.
    """
    u = np.asarray(u)
    u = _with_channel_axis(u, channels)
    samples, frames, *resolution, _ = u.shape
    return in_memory(
        u,
        _parameters(parameters, samples),
        tuple(parameters),
        channel_names=("u",) if channels is None else tuple(channels),
        coordinates=axis_coordinates(dx, coordinates, resolution),
        times=frame_times(dt, times, frames),
        boundaries=axis_boundaries(boundaries, len(resolution)),
        equation=equation,
        initial_conditions=_initial_conditions(initial_conditions, samples),
    )


def in_memory(
    u: ArrayLike,
    parameters: ArrayLike,
    parameter_names: Sequence[str],
    *,
    channel_names: Sequence[str],
    coordinates: Sequence[ArrayLike],
    times: ArrayLike,
    boundaries: Sequence[str],
    equation: str = "unknown",
    initial_conditions: ArrayLike | None = None,
) -> Trajectories:
    """Wrap arrays u [sample, time, *space, channel] and parameters [sample, parameter] as they are.

    `cape.datasets.arrays.from_arrays` takes less complete arguments. Without `initial_conditions`, they are numbered by
    position, and the first frames decide which are equal.

    Raises:
        ValueError: shapes do not fit, see `Trajectories`.
    """
    u = np.asarray(u)
    if u.ndim < 4:
        raise ValueError(
            f"expected u as [sample, time, *space, channel] (4 axes or more), got {list(u.shape)}"
        )
    return Trajectories(
        fields=whole(MemoryStore(u)),
        parameters=np.asarray(parameters, np.float64),
        parameter_names=tuple(parameter_names),
        channel_names=tuple(channel_names),
        coordinates=tuple(np.asarray(x, np.float64) for x in coordinates),
        times=np.asarray(times, np.float64),
        boundaries=tuple(boundaries),
        initial_conditions=np.asarray(
            np.arange(len(u)) if initial_conditions is None else initial_conditions, np.int64
        ),
        equation=equation,
        numbering="position" if initial_conditions is None else "given",
    )


def _with_channel_axis(u: np.ndarray, channels: Sequence[str] | None) -> np.ndarray:
    if isinstance(channels, str):
        raise ValueError(
            f"channels: expected a list of names, got the text {channels!r}; write [{channels!r}]"
        )
    axes = "[sample, time, *space]" if channels is None else "[sample, time, *space, channel]"
    space = u.ndim - (2 if channels is None else 3)
    if not 1 <= space <= 3 or 0 in u.shape:
        hint = "; name the channels if the last axis holds channels" if channels is None else ""
        raise ValueError(
            f"u: expected {axes} with 1 to 3 space axes, none empty, got shape {list(u.shape)}{hint}"
        )
    if not (np.issubdtype(u.dtype, np.floating) or np.issubdtype(u.dtype, np.integer)):
        raise ValueError(f"u: expected real numbers, got {u.dtype}")
    if channels is None:
        return u[..., None]
    if len(channels) != u.shape[-1]:
        raise ValueError(
            f"channels: expected one name for each of the {u.shape[-1]} channels of u {list(u.shape)}, got "
            f"{len(channels)}: {tuple(channels)}"
        )
    return u


def _parameters(parameters: Mapping[str, ArrayLike], samples: int) -> np.ndarray:
    """Return [sample, parameter]."""
    if not isinstance(parameters, Mapping):
        raise ValueError(
            "parameters: expected a dict of name and value, or values [sample], such as {'nu': 0.1}; got "
            f"{type(parameters).__name__}"
        )
    columns = np.empty((samples, len(parameters)))
    for column, (name, values) in enumerate(parameters.items()):
        values = _numbers(values, f"parameter {name!r}")
        if values.shape not in ((), (samples,)):
            raise ValueError(
                f"parameter {name!r}: expected a number or one value for each of the {samples} samples, got shape "
                f"{list(values.shape)}"
            )
        columns[:, column] = values
    return columns


def frame_times(dt: float | None, times: ArrayLike | None, frames: int) -> np.ndarray:
    """Return the times [time] of a step or of given times; arguments and errors as in `from_arrays`."""
    _check_alternatives("dt", dt, "times", times)
    if times is None:
        return _positive(dt, "dt") * np.arange(frames)
    return _increasing(times, "times", frames, "frames")


def axis_coordinates(
    dx: float | Sequence[float] | None, coordinates: Sequence[ArrayLike] | None, resolution: Sequence[int]
) -> list[np.ndarray]:
    """Return the points of each axis of a spacing or of given points; arguments and errors as in `from_arrays`."""
    _check_alternatives("dx", dx, "coordinates", coordinates)
    axes = len(resolution)
    if coordinates is None:
        spacings: list = [dx] * axes if np.ndim(np.asarray(dx)) == 0 else list(np.asarray(dx))
        _check_one_per_axis(spacings, "dx", axes)
        return [_positive(h, "dx") * (np.arange(n) + 0.5) for h, n in zip(spacings, resolution, strict=True)]
    _check_one_per_axis(coordinates, "coordinates", axes)
    return [
        _increasing(x, f"coordinates[{axis}]", n, "points")
        for axis, (x, n) in enumerate(zip(coordinates, resolution, strict=True))
    ]


def axis_boundaries(boundaries: str | Sequence[str], axes: int) -> tuple[str, ...]:
    """Return the boundary of each axis; errors as in `from_arrays`."""
    given = (boundaries,) * axes if isinstance(boundaries, str) else tuple(boundaries)
    _check_one_per_axis(given, "boundaries", axes)
    for boundary in given:
        if boundary not in BOUNDARIES:
            raise ValueError(f"boundaries: unknown boundary {boundary!r}; {nearest(boundary, BOUNDARIES)}")
    return given


def _initial_conditions(numbers: ArrayLike | None, samples: int) -> np.ndarray | None:
    if numbers is None:
        return None
    found = np.asarray(numbers)
    if found.shape != (samples,) or not np.issubdtype(found.dtype, np.integer):
        raise ValueError(
            f"initial_conditions: expected integers, one for each of the {samples} samples, got {found.dtype} "
            f"{list(found.shape)}"
        )
    return found


def _check_alternatives(first: str, a: object, second: str, b: object) -> None:
    if (a is None) == (b is None):
        raise ValueError(f"expected either {first} or {second}, got {'neither' if a is None else 'both'}")


def _check_one_per_axis(values: Sequence, what: str, axes: int) -> None:
    if len(values) != axes:
        raise ValueError(f"{what}: expected one for each of the {axes} space axes of u, got {len(values)}")


def _numbers(values: ArrayLike | None, what: str) -> np.ndarray:
    try:
        found = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{what}: expected numbers, got {values!r}") from None
    if not np.isfinite(found).all():
        raise ValueError(f"{what}: expected finite numbers, got NaN or infinity")
    return found


def _positive(value: float | None, what: str) -> float:
    number = _numbers(value, what)
    if number.ndim or not number > 0:
        raise ValueError(f"{what}: expected a positive number, got {value!r}")
    return float(number)


def _increasing(values: ArrayLike, what: str, length: int, of: str) -> np.ndarray:
    found = _numbers(values, what)
    if found.shape != (length,):
        raise ValueError(
            f"{what}: expected one number for each of the {length} {of}, got shape {list(found.shape)}"
        )
    if not (np.diff(found) > 0).all():
        raise ValueError(f"{what}: expected increasing numbers, got {listed(found)}")
    return found
