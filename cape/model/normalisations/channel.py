"""Normalisation by the statistics of the training data, and none at all."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from cape.model.conditioning import Conditioning, Prediction
from cape.model.normalisation import NORMALISATIONS, Normalisation
from cape.problem import Problem


@NORMALISATIONS.register("channel")
class ChannelNormalisation(Normalisation):
    """Subtract the mean and divide by the standard deviation of each channel over all training data."""

    divides_space = True

    def __init__(self, problem: Problem, *, uses_parameters: bool, history: int):
        self.inner_problem = problem
        self.channel_std = problem.channel_std
        self.mean = problem.channel_mean * history
        self.std = problem.channel_std * history

    def prepare(self, conditioning: Conditioning, p: Float[Array, "batch parameter"]) -> Any:
        return conditioning.prepare(p)

    def __call__(
        self, conditioning: Conditioning, u: Float[Array, "batch *space history_channel"], prepared: Any
    ) -> Prediction:
        shape = (1,) * (u.ndim - 1) + (-1,)
        mean, std = (jnp.asarray(each, u.dtype).reshape(shape) for each in (self.mean, self.std))
        following, first_guess = conditioning((u - mean) / std, prepared)
        return Prediction(following * std + mean, None if first_guess is None else first_guess * std + mean)


@NORMALISATIONS.register("off")
class NoNormalisation(Normalisation):
    """Pass fields to the network in physical units, as the published form does."""

    divides_space = True

    def __init__(self, problem: Problem, *, uses_parameters: bool, history: int):
        self.inner_problem = problem
        self.channel_std = (1.0,) * len(problem.channels)

    def prepare(self, conditioning: Conditioning, p: Float[Array, "batch parameter"]) -> Any:
        return conditioning.prepare(p)

    def __call__(
        self, conditioning: Conditioning, u: Float[Array, "batch *space history_channel"], prepared: Any
    ) -> Prediction:
        return conditioning(u, prepared)
