"""The noise of an observation: as the user gives it, or estimated from the roughness of the residual."""

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

_FEWEST_POINTS = 8  # of an axis along which differences are taken
_MEDIAN_SQUARE = 0.4549364  # of a standard normal variable
_SECOND_DIFFERENCE = 6.0  # variance of a second difference of white noise of variance 1


def given_noise(
    noise: float | ArrayLike, channel_names: tuple[str, ...], deviations: tuple[float, ...]
) -> Float[np.ndarray, " channel"]:
    """Return the standard deviation of the noise of each channel, over that of the channel.

    Raises:
        ValueError: the noise is not one positive number, or one per channel.
    """
    try:
        values = np.asarray(noise, np.float64)
    except (TypeError, ValueError):
        values = np.array(np.nan)
    if (
        values.shape not in ((), (1,), (len(channel_names),))
        or not (np.isfinite(values) & (values > 0)).all()
    ):
        raise ValueError(
            "noise: expected a positive standard deviation in the units of the fields, one number or one per channel "
            f"{channel_names}, got {noise!r}; leave it out to have it estimated"
        )
    return np.broadcast_to(values, (len(channel_names),)) / np.asarray(deviations)


def check_points(shape: tuple[int, ...], source: str) -> None:
    """Raise ValueError if the noise of fields [trajectory, time, *points, channel] cannot be estimated."""
    if max(shape[2:-1]) < _FEWEST_POINTS:
        raise ValueError(
            f"noise: no level was given, and the points of {source} are too few to estimate it (at least "
            f"{_FEWEST_POINTS} along an axis are needed); give the standard deviation of the noise"
        )


def estimated_noise(
    residual: Float[np.ndarray, "trajectory time *points observed"],
) -> Float[np.ndarray, "trajectory observed"]:
    """Estimate the standard deviation of white noise in each channel of a residual.

    Second differences along each axis of space keep the noise and remove what is smooth. The median of their squares
    ignores the few rough places, such as a shock.
    """
    rough, variance = residual, 1.0
    for axis in range(2, residual.ndim - 1):
        if residual.shape[axis] >= _FEWEST_POINTS:
            rough, variance = np.diff(rough, 2, axis), variance * _SECOND_DIFFERENCE
    axes = tuple(range(1, residual.ndim - 1))
    level = np.sqrt(np.median(rough**2, axes) / (_MEDIAN_SQUARE * variance))
    return np.minimum(level, np.sqrt((residual**2).mean(axes)))
