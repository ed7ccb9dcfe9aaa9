"""The variables that an equation is written in: functions of the channels, in which it has products only."""

import dataclasses
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cape.problem import Problem

SAME, LOG, INVERSE, RATIO = "same", "log", "inverse", "ratio"


@dataclasses.dataclass(frozen=True)
class Variable:
    """The variable in the place of a channel: the channel u itself, ln u, 1/u, or u over another channel.

    Attributes:
        function: "same", "log", "inverse" or "ratio".
        std: standard deviation of the variable in the training data.
        over: number of the channel that a ratio divides by. That channel's own variable is not a ratio.
    """

    function: str
    std: float
    over: int = 0


def check_variables(variables: Sequence[Variable], channels: int) -> bool:
    """Return whether the variables fit each other and the number of channels; none means the channels themselves."""
    fits = len(variables) in (0, channels)
    for variable in variables:
        fits &= variable.function in (SAME, LOG, INVERSE, RATIO) and 0 < variable.std < np.inf
        fits &= 0 <= variable.over < channels
        fits = fits and (variable.function != RATIO or variables[variable.over].function != RATIO)
    return bool(fits)


def to_variables(
    variables: Sequence[Variable], problem: Problem, u: Float[Array, "batch *space channel"]
) -> Float[Array, "batch *space channel"]:
    """Return the variables of fields in physical units, divided by their standard deviations.

    Channels of which a logarithm, an inverse or a ratio is taken are positive. Values below a tenth of the smallest one
    in the training data are raised to that.
    """
    if not variables:
        return u / _deviations(variables, problem, u)
    values = []
    for number, variable in enumerate(variables):
        channel = u[..., number]
        if variable.function == LOG:
            channel = jnp.log(_positive(problem, number, u))
        elif variable.function == INVERSE:
            channel = 1.0 / _positive(problem, number, u)
        elif variable.function == RATIO:
            channel = channel / _positive(problem, variable.over, u)
        values.append(channel)
    return jnp.stack(values, -1) / _deviations(variables, problem, u)


def from_variables(
    variables: Sequence[Variable], problem: Problem, v: Float[Array, "batch *space channel"]
) -> Float[Array, "batch *space channel"]:
    """Return the fields in physical units of variables divided by their standard deviations."""
    v = v * _deviations(variables, problem, v)
    if not variables:
        return v
    values = [v[..., number] for number in range(v.shape[-1])]
    for number, variable in enumerate(variables):
        if variable.function == LOG:
            values[number] = jnp.exp(values[number])
        elif variable.function == INVERSE:
            values[number] = 1.0 / values[number]
    for number, variable in enumerate(variables):
        if variable.function == RATIO:
            values[number] = values[number] * values[variable.over]
    return jnp.stack(values, -1)


def with_deviations(
    variables: Sequence[Variable], problem: Problem, u: Float[np.ndarray, "sample *space channel"]
) -> tuple[Variable, ...]:
    """Return the variables with their standard deviations in data in physical units."""
    ones = [dataclasses.replace(variable, std=1.0) for variable in variables]
    values = np.asarray(to_variables(ones, problem, jnp.asarray(u, jnp.float32)), np.float64)
    stds = values.reshape(-1, values.shape[-1]).std(0)
    return tuple(dataclasses.replace(one, std=float(std)) for one, std in zip(ones, stds, strict=True))


def variable_name(variables: Sequence[Variable], problem: Problem, channel: int) -> str:
    """Return the name that a variable has in an equation's text: that of its channel, or a letter that is free."""
    if not variables or variables[channel].function == SAME:
        return problem.channels[channel]
    changed = [number for number, variable in enumerate(variables) if variable.function != SAME]
    free = [letter for letter in "abcdefgh" if letter not in (*problem.channels, *problem.parameters)]
    return free[changed.index(channel)]


def variable_definitions(variables: Sequence[Variable], problem: Problem) -> list[str]:
    """Return texts such as "a = ln density", one for every variable that is not a channel."""
    texts = []
    for number, variable in enumerate(variables):
        name = problem.channels[number]
        text = {
            LOG: f"ln {name}",
            INVERSE: f"1/{name}",
            RATIO: f"{name}/{problem.channels[variable.over]}",
        }.get(variable.function)
        if text:
            texts.append(f"{variable_name(variables, problem, number)} = {text}")
    return texts


def _positive(problem: Problem, channel: int, u: Array) -> Array:
    low = problem.channel_low[channel] if problem.channel_low else 0.0
    return jnp.maximum(u[..., channel], max(0.1 * low, float(np.finfo(np.float32).tiny)))


def _deviations(variables: Sequence[Variable], problem: Problem, u: Array) -> Array:
    stds = tuple(variable.std for variable in variables) or problem.channel_std
    return jnp.asarray(stds, u.dtype).reshape((1,) * (u.ndim - 1) + (-1,))
