"""Accumulation: the gradient of a batch as the mean of the gradients of its parts, which are computed one by one."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from cape.training.inputs import Part, UpdateInput

GradientOfPart = Callable[
    [Any, UpdateInput], tuple[Any, Any, Any]
]  # (state, part) -> (losses, state, gradient)


def accumulated(
    parts: int, devices: int, gradient: GradientOfPart, model_state: Any, given: UpdateInput
) -> tuple[Any, Any, Any]:
    """Return (losses, model state, gradient) of a batch, whose trajectories are processed in equal parts.

    The memory of an update falls with the number of parts. Losses and gradients are means over the trajectories of a
    batch, so those of a batch are the means over its parts. Every trajectory gets the noise that it has in the whole
    batch. Each device processes parts of its own trajectories. Running statistics follow the parts one after another.

    Args:
        parts: number of parts. `parts` times `devices` divides the batch.
        devices: number of devices that the batch is divided between.
        gradient: computes the three for a part.
        model_state: the running statistics, which are carried from part to part.
        given: the batch.
    """
    if parts == 1:
        return gradient(model_state, given)

    def add(carry: tuple[Any, Any], number: Array) -> tuple[tuple[Any, Any], None]:
        sums, model_state = carry
        losses, model_state, steeper = gradient(model_state, _part(given, Part(number, parts, devices)))
        return (jax.tree.map(jnp.add, sums, (losses, steeper)), model_state), None

    def first(model_state: Any, given: UpdateInput) -> tuple[Any, Any, Any]:
        return gradient(model_state, _part(given, Part(jnp.int32(0), parts, devices)))

    shapes = jax.eval_shape(first, model_state, given)
    zeros = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), (shapes[0], shapes[2]))
    (sums, model_state), _ = jax.lax.scan(add, (zeros, model_state), jnp.arange(parts, dtype=jnp.int32))
    losses, steeper = jax.tree.map(lambda a: a / parts, sums)
    return losses, model_state, steeper


def _part(given: UpdateInput, part: Part) -> UpdateInput:
    """Return a part of a batch, which still draws the noise of the whole batch."""
    frames, parameters = part.of(given.frames, axis=1), part.of(given.parameters, axis=0)
    return given._replace(frames=frames, parameters=parameters, part=part)
