"""CAPE, our form of it and the default: propagator heads before the base solver, channel attention inside it."""

import dataclasses
from typing import Any, ClassVar

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from cape.model.attention import ChannelAttention, modulation
from cape.model.conditioning import CONDITIONINGS, BuildSolver, Conditioning, ConditioningConfig, Prediction
from cape.model.conditionings.unconditioned import OUTPUT_SCALE
from cape.model.embedding import EmbeddingName
from cape.model.parameter_powers import ParameterPowers
from cape.model.propagator import Propagator
from cape.problem import Problem
from cape.solvers.solver import check_settings, displacement_maps


class CAPE(Conditioning):
    """Predict a first guess u' with propagator heads, and correct it with the base solver under channel attention.

        u', heads = Propagator(u; p);   u(t + dt) = u' + base(concat(u, heads); attention(p))

    The auxiliary loss trains u' on the next frame, and the warm-up trains nothing else. The heads are linear in u; the
    base solver learns everything that is not. Its last layer starts small. Hidden maps of the base solver that are
    displacements get powers of the parameters (`ParameterPowers`) instead of the attention.

    Args:
        heads, max_displacement: see `Propagator`.
        width, embedding: see `ChannelAttention`.
    """

    first_guess_modules: ClassVar[tuple[str, ...]] = ("propagator",)

    def __init__(
        self,
        problem: Problem,
        build_solver: BuildSolver,
        *,
        heads: int,
        max_displacement: float,
        width: int,
        embedding: EmbeddingName,
        rngs: nnx.Rngs,
    ):
        channels = len(problem.channels)
        self.propagator = Propagator(problem, heads=heads, max_displacement=max_displacement, rngs=rngs)
        self.base = build_solver(channels * (1 + heads), channels)
        self.base.scale_output(OUTPUT_SCALE)
        hidden, self.moved = self.base.hidden_channels, displacement_maps(self.base)
        attended = tuple(channels for i, channels in enumerate(hidden) if i not in self.moved)
        self.attention = ChannelAttention(problem, attended, width=width, embedding=embedding, rngs=rngs)
        displaced = tuple(hidden[i] for i in self.moved)
        self.powers = ParameterPowers(problem, displaced) if displaced else None

    def prepare(self, p: Float[Array, "batch parameter"]) -> tuple[Any, Any]:
        return self.propagator.rates(p), self._vectors(p)

    def _vectors(self, p: Float[Array, "batch parameter"]) -> tuple[Float[Array, "batch _"], ...]:
        """Compute gains and offsets of every hidden map: powers for displacements, attention for all others."""
        if self.powers is None:
            return self.attention.vectors(p)
        attended, displaced = iter(self.attention.vectors(p)), iter(self.powers.vectors(p))
        maps = range(len(self.base.hidden_channels))
        return tuple(next(displaced if i in self.moved else attended) for i in maps)

    def __call__(self, u: Float[Array, "batch *space channel"], prepared: tuple[Any, Any]) -> Prediction:
        rates, vectors = prepared
        first_guess, heads = self.propagator(u, rates)
        correction = self.base(jnp.concatenate([u, heads], -1), modulation(vectors))
        return Prediction(first_guess + correction, first_guess)


@CONDITIONINGS.register("cape")
@dataclasses.dataclass(frozen=True)
class CAPEConfig(ConditioningConfig):
    """CAPE, the default: propagator heads before the base solver, channel attention at its hidden layers.

    Attributes:
        heads: number of propagators.
        max_displacement: largest initial displacement in one application of the network at the largest trained value
            of each parameter, in domain lengths. Set it to 0 if an equation is identified, or if nothing is
            transported: all heads then start as diffusion.
        width: hidden units of the attention's perceptron.
        embedding: input of that perceptron: the logarithm of a parameter, scaled to the trained range; its value, over
            the largest trained one; both; or sines and cosines of the logarithm.
    """

    divides_space: ClassVar[bool] = True

    heads: int = 8
    max_displacement: float = 1.0
    width: int = 32
    embedding: EmbeddingName = "logarithm"

    def __post_init__(self):
        check_settings(self, heads=1, width=1)

    def build(self, problem: Problem, build_solver: BuildSolver, *, rngs: nnx.Rngs) -> CAPE:
        return CAPE(problem, build_solver, **dataclasses.asdict(self), rngs=rngs)
