"""Positions of parameters in the trained range, and features of frames, which say how alike rollouts are."""

import math

import jax.numpy as jnp
from jaxtyping import Array, Float

from cape.problem import Problem, is_logarithmic

_SMALLEST_SIZE = 1e-3  # of a frame, over the standard deviation of its channel


def positions(
    problem: Problem, parameters: Float[Array, "batch parameter"]
) -> Float[Array, "batch parameter"]:
    """Return where parameters lie in the trained range: 0 at its low end, 1 at its high end.

    An axis is logarithmic if the trained values are positive and spread by a factor of 5 or more. Of a parameter with
    one trained value, the deviation from it is returned, relative to it.
    """
    columns = []
    for i, (low, high) in enumerate(zip(problem.low, problem.high, strict=True)):
        p = parameters[:, i]
        if is_logarithmic(low, high):
            smallest = 1e-6 * low  # values of 0 and below are far outside
            columns.append(jnp.log(jnp.maximum(p, smallest) / low) / math.log(high / low))
        else:
            columns.append((p - low) / (high - low if high > low else max(abs(low), 1e-12)))
    return jnp.stack(columns, -1) if columns else jnp.zeros((len(parameters), 0), parameters.dtype)


def frame_size(problem: Problem, u: Float[Array, "batch *space channel"]) -> Float[Array, "batch channel"]:
    """Return the standard deviation over space of each channel, at least a thousandth of that of the training data."""
    std = jnp.asarray(problem.channel_std, u.dtype)
    return jnp.maximum(u.std(tuple(range(1, u.ndim - 1))), _SMALLEST_SIZE * std[None])


def features(problem: Problem, u: Float[Array, "batch *space channel"]) -> Float[Array, "batch feature"]:
    """Return mean, size (logarithm) and roughness (logarithm) of each channel of frames.

    Roughness is the root mean square difference of neighbouring points, over the size, per length of the domain.
    """
    axes = tuple(range(1, u.ndim - 1))
    std = jnp.asarray(problem.channel_std, u.dtype)[None]
    size = frame_size(problem, u)
    squares = sum(((jnp.diff(u, axis=axis) * u.shape[axis]) ** 2).mean(axes) for axis in axes)
    roughness = jnp.log(jnp.sqrt(squares) / size + 1e-3)
    return jnp.concatenate([u.mean(axes) / std, jnp.log(size / std), roughness], -1)
