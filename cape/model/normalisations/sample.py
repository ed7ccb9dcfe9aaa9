"""Normalisation of every state by its own statistics, which the conditioning sees as further parameters.

A field that decays keeps the same size inside the network. From the amplitude, the mean and the PDE parameters the
network can form dimensionless groups, such as a Reynolds number.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from cape.model.conditioning import Conditioning, Prediction
from cape.model.embedding import logarithmic
from cape.model.normalisation import NORMALISATIONS, Normalisation
from cape.problem import Problem
from cape.solvers.layers.divided_space import mean_over_space

_SMALLEST_STD = 1e-6  # of a channel's standard deviation in training; below it a field counts as uniform
_LARGEST_LOG_GAIN = 6.0


@NORMALISATIONS.register("sample")
class SampleNormalisation(Normalisation):
    """Advance v = (u − m)/s, with m and s the mean and standard deviation over space of each channel of the state.

        u(t + dt) = m + s (guess + exp(G log q) change),   q = (p, s, m),   guess, change = conditioning(v; q)

    The conditioning takes s and m of all channels as further parameters (`inner_problem`). So the displacement of a
    propagator head can be proportional to the mean of a field, which is a Galilean boost. The last gain is a product of
    powers, as in dimensional analysis: the pressure that a velocity v causes is proportional to ρ v². G starts at zero.
    If the conditioning does not use the PDE parameters, G does not use them either. The frames of a state share m
    and s.
    """

    divides_space = True

    def __init__(self, problem: Problem, *, uses_parameters: bool, history: int):
        self.channels, self.channel_std, self.history = len(problem.channels), problem.channel_std, history
        self.inner_problem = with_frame_statistics(problem)
        self.first_used = 0 if uses_parameters else len(problem.parameters)
        used = len(self.inner_problem.parameters) - self.first_used
        self.gain = nnx.Param(jnp.zeros((used, self.channels), jnp.float32))

    def prepare(
        self, conditioning: Conditioning, p: Float[Array, "batch parameter"]
    ) -> Float[Array, "batch parameter"]:
        """Return the parameters unchanged: everything computed from them depends on the state too."""
        return p

    def __call__(
        self,
        conditioning: Conditioning,
        u: Float[Array, "batch *space history_channel"],
        prepared: Float[Array, "batch parameter"],
    ) -> Prediction:
        frames = u.reshape(*u.shape[:-1], self.history, self.channels)
        axes = tuple(range(1, frames.ndim - 1))
        smallest = jnp.asarray(self.channel_std, u.dtype).reshape((1,) * (frames.ndim - 1) + (-1,))
        smallest = _SMALLEST_STD * smallest
        mean = mean_over_space(frames.mean(axes, keepdims=True))
        variance = mean_over_space(jnp.square(frames - mean).mean(axes, keepdims=True))
        std = jnp.sqrt(variance + smallest**2)
        statistics = [a.reshape(-1, self.channels) for a in (std, mean)]
        q = jnp.concatenate([prepared, *statistics], -1)
        mean, std = (self._repeated(a, u.ndim) for a in (mean, std))

        v = (u - mean) / std
        following, first_guess = conditioning(v, conditioning.prepare(q))
        start = v if first_guess is None else first_guess
        inner = self.inner_problem
        powers = self._powers(logarithmic(q, *inner.scale)[:, self.first_used :])
        gain = self._repeated(jnp.exp(jnp.clip(powers, -_LARGEST_LOG_GAIN, _LARGEST_LOG_GAIN)), u.ndim)
        following = start + gain * (following - start)
        return Prediction(following * std + mean, None if first_guess is None else first_guess * std + mean)

    @jax.default_matmul_precision("highest")
    def _powers(self, q: Float[Array, "batch number"]) -> Float[Array, "batch channel"]:
        return q @ self.gain[...]

    def _repeated(self, statistic: Array, ndim: int) -> Float[Array, "batch *one history_channel"]:
        """Repeat a number per sample and channel for every frame of the state, with axes of length 1 for space."""
        statistic = statistic.reshape(-1, *(1,) * (ndim - 2), self.channels)
        return jnp.concatenate([statistic] * self.history, -1)


@dataclasses.dataclass(frozen=True)
class ProblemWithStatistics(Problem):
    """A problem whose last `frame_statistics` parameters are standard deviations and means of a frame's channels."""

    frame_statistics: int = 0


def with_frame_statistics(problem: Problem) -> ProblemWithStatistics:
    """Append the standard deviation and the mean of every channel to the parameters.

    Their ranges follow from the statistics of the training data. The mean of a channel that is positive in all training
    data has a positive range, and so a logarithmic embedding. Any other mean may have either sign.
    """
    lowest = problem.channel_low or (0.0,) * len(problem.channels)
    statistics = list(zip(problem.channels, lowest, problem.channel_mean, problem.channel_std, strict=True))
    ranges = {f"scale of {name}": (0.1 * std, std) for name, _, _, std in statistics}
    for name, smallest, mean, std in statistics:
        ranges[f"mean of {name}"] = (0.3 * mean, 2.0 * mean) if smallest > 0 else (-std, std)
    lows, highs = zip(*ranges.values(), strict=True)
    extended = {
        "parameters": (*problem.parameters, *ranges),
        "low": (*problem.low, *lows),
        "high": (*problem.high, *highs),
        "scale_low": (*problem.scale[0], *lows),
        "scale_high": (*problem.scale[1], *highs),
        "values": (),
        "frame_statistics": 2 * len(problem.channels),
    }
    return ProblemWithStatistics(**vars(problem) | extended)
