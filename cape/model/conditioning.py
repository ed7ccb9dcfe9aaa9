"""Conditioning: wrappers that make any base solver obey the PDE parameters, behind one interface.

Every conditioning has `prepare(p)`, which computes whatever depends on the parameters alone (a pytree whose
leaves lead with the batch axis), and `__call__(u, prepared) -> Prediction`. The base solver is given by
`build_base(in_channels, out_channels)` and never sees the parameters. Fields are in normalised units.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from cape.model.attention import CAPEBlock, ChannelAttention, modulation
from cape.model.embedding import identity, logarithmic
from cape.model.propagator import Propagator
from cape.problem import Problem
from cape.solvers.layers.convolution import Pointwise
from cape.solvers.layers.layout import lead, trail
from cape.solvers.layers.normalisation import standardise

BuildBase = Callable[[int, int], nnx.Module]


class Prediction(NamedTuple):
    """One step: the next frame, and the conditioning's own guess of it where it makes one (else None)."""

    next: Float[Array, "batch *space channel"]
    auxiliary: Float[Array, "batch *space channel"] | None


def start_small(base: nnx.Module, scale: float = 0.1) -> nnx.Module:
    """Scale the last layer of a base solver, so that a residual prediction starts near persistence."""
    base.out.weight[...] = scale * base.out.weight[...]
    base.out.bias[...] = scale * base.out.bias[...]
    return base


class Unconditioned(nnx.Module):
    """The base solver by itself: u(t + dt) = u + base(u), or base(u) without `residual` (published form)."""

    def __init__(self, problem: Problem, build_base: BuildBase, *, residual: bool, rngs: nnx.Rngs):
        channels = len(problem.channels)
        self.residual = residual
        base = build_base(channels, channels)
        self.base = start_small(base) if residual else base

    def prepare(self, p: Float[Array, "batch parameter"]) -> tuple[()]:
        return ()

    def __call__(self, u: Float[Array, "batch *space channel"], prepared: tuple[()]) -> Prediction:
        return Prediction(u + self.base(u) if self.residual else self.base(u), None)


class ParameterChannels(nnx.Module):
    """The parameters repeated over space as further input channels of the base solver.

    `residual=False` is the published form, which repeats the parameters as they are; otherwise their
    logarithms, scaled to the trained range, are repeated.
    """

    def __init__(self, problem: Problem, build_base: BuildBase, *, residual: bool, rngs: nnx.Rngs):
        channels, parameters = len(problem.channels), len(problem.parameters)
        self.residual, self.low, self.high = residual, problem.low, problem.high
        base = build_base(channels + parameters, channels)
        self.base = start_small(base) if residual else base

    def prepare(self, p: Float[Array, "batch parameter"]) -> Float[Array, "batch feature"]:
        return logarithmic(p, self.low, self.high) if self.residual else identity(p)

    def __call__(self, u: Float[Array, "batch *space channel"], prepared: Array) -> Prediction:
        repeated = prepared.reshape(u.shape[0], *(1,) * (u.ndim - 2), -1)
        repeated = jnp.broadcast_to(repeated, (*u.shape[:-1], repeated.shape[-1]))
        change = self.base(jnp.concatenate([u, repeated], -1))
        return Prediction(u + change if self.residual else change, None)


class FiLM(nnx.Module):
    """A gain and an offset, computed from the parameters, on every hidden channel of the base solver.

    Source: Perez et al., arXiv 1709.07871.
    """

    def __init__(
        self, problem: Problem, build_base: BuildBase, *, width: int, embedding: str, rngs: nnx.Rngs
    ):
        channels = len(problem.channels)
        self.base = start_small(build_base(channels, channels))
        hidden = self.base.hidden_channels
        self.attention = ChannelAttention(problem, hidden, width=width, embedding=embedding, rngs=rngs)

    def prepare(self, p: Float[Array, "batch parameter"]) -> tuple[Array, ...]:
        return self.attention.vectors(p)

    def __call__(self, u: Float[Array, "batch *space channel"], prepared: tuple[Array, ...]) -> Prediction:
        return Prediction(u + self.base(u, modulation(prepared)), None)


class AdaGN(FiLM):
    """Adaptive group normalisation: FiLM on hidden maps that are group-normalised first.

    Source: Dhariwal and Nichol, arXiv 2105.05233.
    """

    def __call__(self, u: Float[Array, "batch *space channel"], prepared: tuple[Array, ...]) -> Prediction:
        modulate = modulation(prepared)
        return Prediction(u + self.base(u, lambda i, h: modulate(i, standardise(h))), None)


class CAPE(nnx.Module):
    """Our default: propagator attention makes a first guess, the base solver under channel attention mends it.

        u', heads = Propagator(u; p);   u(t + dt) = u' + base(concat(u, heads); attention(p))

    The guess u' is trained on the next frame by the auxiliary loss, alone during the warm-up; what it cannot
    express (everything non-linear) is left to the base solver, whose last layer starts small.

    Args:
        heads, reach: see `Propagator`.
        width, embedding: see `ChannelAttention`.
    """

    def __init__(
        self,
        problem: Problem,
        build_base: BuildBase,
        *,
        heads: int,
        reach: float,
        width: int,
        embedding: str,
        rngs: nnx.Rngs,
    ):
        channels = len(problem.channels)
        self.block = Propagator(problem, heads=heads, reach=reach, rngs=rngs)
        self.base = start_small(build_base(channels * (1 + heads), channels))
        hidden = self.base.hidden_channels
        self.attention = ChannelAttention(problem, hidden, width=width, embedding=embedding, rngs=rngs)

    def prepare(self, p: Float[Array, "batch parameter"]) -> tuple[Any, Any]:
        return self.block.rates(p), self.attention.vectors(p)

    def __call__(self, u: Float[Array, "batch *space channel"], prepared: tuple[Any, Any]) -> Prediction:
        rates, vectors = prepared
        guess, heads = self.block(u, rates)
        change = self.base(jnp.concatenate([u, heads], -1), modulation(vectors))
        return Prediction(guess + change, guess)


class PaperCAPE(nnx.Module):
    """The published form: u(t + dt) = mix(base(concat(u, u'))) with u' from `CAPEBlock`.

    The base solver takes and gives 2C channels; `mix` is a pointwise map to C. Settings: see `CAPEBlock`, whose
    own number of modes 0 stands for.
    """

    def __init__(
        self,
        problem: Problem,
        build_base: BuildBase,
        *,
        widening: int,
        kernel: int,
        modes: int,
        pointwise_output: bool,
        rngs: nnx.Rngs,
    ):
        channels = len(problem.channels)
        self.block = CAPEBlock(
            len(problem.parameters),
            channels,
            problem.resolution,
            widening=widening,
            kernel=kernel,
            modes=modes or None,
            pointwise_output=pointwise_output,
            rngs=rngs,
        )
        self.base = build_base(2 * channels, 2 * channels)
        self.mix = Pointwise(2 * channels, channels, rngs=rngs)

    def prepare(self, p: Float[Array, "batch parameter"]) -> tuple[Array, ...]:
        return self.block.vectors(p)

    def __call__(self, u: Float[Array, "batch *space channel"], prepared: tuple[Array, ...]) -> Prediction:
        guess = self.block(u, prepared)
        both = self.base(jnp.concatenate([u, guess], -1))
        return Prediction(trail(self.mix(lead(both, u.ndim - 2, both.shape[-1]))), guess)
