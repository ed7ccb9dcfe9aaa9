"""Normalisation of every frame (or window of them) by itself; what it takes away is told like a parameter.

A field that decays keeps one size inside the network, and a surrogate sees what similarity solutions are made of:
a shape, and numbers beside the parameters (amplitude, mean) from which it can form dimensionless groups.
"""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from cape.model.conditioning import Prediction
from cape.model.embedding import logarithmic
from cape.problem import Problem

_SMALLEST = 1e-6  # of a channel's standard deviation in training: less is a uniform field
_LARGEST_LOG_GAIN = 6.0


class SampleNormalisation(nnx.Module):
    """Advance v = (u − m)/s, every channel of every frame by its own mean m and standard deviation s over space.

        u(t + dt) = m + s (guess + exp(G log q) change),   q = (p, s, m),   guess, change = conditioned(v; q)

    The conditioning takes s and m of all channels for further parameters (`seen`), so the displacement of a
    propagator head may be proportional to the mean of a field: a Galilean boost. The last gain is a product of
    powers, as dimensional analysis has it: the pressure that a velocity v builds up is proportional to ρ v². G
    starts at zero. Where the conditioning is not told the parameters, G is not either.

    Args:
        problem: gives channels and their statistics in training.
        told: whether the conditioning is told the PDE parameters.
        history: how many frames u holds, one behind the other as channels; they share m and s.
    """

    def __init__(self, problem: Problem, *, told: bool, history: int = 1):
        self.channels, self.std, self.history = len(problem.channels), problem.channel_std, history
        self.seen = _with_state(problem)
        self.first = 0 if told else len(problem.parameters)
        self.gain = nnx.Param(jnp.zeros((len(self.seen.parameters) - self.first, self.channels)))

    def __call__(
        self,
        conditioned: nnx.Module,
        u: Float[Array, "batch *space history_channel"],
        p: Float[Array, "batch parameter"],
    ) -> Prediction:
        frames = u.reshape(*u.shape[:-1], self.history, self.channels)
        axes = tuple(range(1, frames.ndim - 1))
        smallest = _SMALLEST * jnp.asarray(self.std, u.dtype).reshape((1,) * (frames.ndim - 1) + (-1,))
        mean = frames.mean(axes, keepdims=True)
        scale = jnp.sqrt(jnp.square(frames - mean).mean(axes, keepdims=True) + smallest**2)
        state = [a.reshape(-1, self.channels) for a in (scale, mean)]
        seen = jnp.concatenate([p, *state], -1)
        mean, scale = (self._of_every_frame(a, u.ndim) for a in (mean, scale))

        v = (u - mean) / scale
        following, guess = conditioned(v, conditioned.prepare(seen))
        start = v if guess is None else guess
        powers = logarithmic(seen, self.seen.low, self.seen.high)[:, self.first :] @ self.gain[...]
        gain = self._of_every_frame(jnp.exp(jnp.clip(powers, -_LARGEST_LOG_GAIN, _LARGEST_LOG_GAIN)), u.ndim)
        following = start + gain * (following - start)
        return Prediction(following * scale + mean, None if guess is None else guess * scale + mean)

    def _of_every_frame(self, statistic: Array, ndim: int) -> Float[Array, "batch *space history_channel"]:
        statistic = statistic.reshape(-1, *(1,) * (ndim - 2), self.channels)
        return jnp.concatenate([statistic] * self.history, -1)


@dataclasses.dataclass(frozen=True)
class WithState(Problem):
    """A problem whose last `state` parameters are standard deviations and means of the channels of a frame."""

    state: int = 0


def _with_state(problem: Problem) -> WithState:
    """Append standard deviation and mean of every channel to the parameters, with ranges made of the statistics.

    A channel that is positive throughout the training data has a positive range, so that its mean is seen on a
    logarithmic scale too; any other mean may have either sign.
    """
    least = problem.channel_low or (0.0,) * len(problem.channels)
    statistics = list(zip(problem.channels, least, problem.channel_mean, problem.channel_std, strict=True))
    ranges = {f"scale of {name}": (0.1 * std, std) for name, _, _, std in statistics}
    for name, smallest, mean, std in statistics:
        ranges[f"mean of {name}"] = (0.3 * mean, 2.0 * mean) if smallest > 0 else (-std, std)
    extended = {
        "parameters": (*problem.parameters, *ranges),
        "low": (*problem.low, *(low for low, _ in ranges.values())),
        "high": (*problem.high, *(high for _, high in ranges.values())),
        "values": (),
        "state": 2 * len(problem.channels),
    }
    return WithState(**vars(problem) | extended)
