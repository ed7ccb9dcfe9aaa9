"""FiLM: a gain and an offset, computed from the PDE parameters, on every hidden channel of the base solver."""

import dataclasses
from typing import ClassVar

from flax import nnx
from jaxtyping import Array, Float

from cape.model.attention import ChannelAttention, modulation
from cape.model.conditioning import CONDITIONINGS, BuildSolver, Conditioning, ConditioningConfig, Prediction
from cape.model.conditionings.unconditioned import OUTPUT_SCALE
from cape.model.embedding import EmbeddingName
from cape.problem import Problem
from cape.solvers.solver import check_settings


class FiLM(Conditioning):
    """Predict u(t + dt) = u + base(u; gains and offsets from p).

    Source: Perez et al., arXiv 1709.07871.

    Args:
        width, embedding: see `ChannelAttention`.
    """

    def __init__(
        self,
        problem: Problem,
        build_solver: BuildSolver,
        *,
        width: int,
        embedding: EmbeddingName,
        rngs: nnx.Rngs,
    ):
        channels = len(problem.channels)
        self.base = build_solver(channels, channels)
        self.base.scale_output(OUTPUT_SCALE)
        hidden = self.base.hidden_channels
        self.attention = ChannelAttention(problem, hidden, width=width, embedding=embedding, rngs=rngs)

    def prepare(self, p: Float[Array, "batch parameter"]) -> tuple[Array, ...]:
        return self.attention.vectors(p)

    def __call__(self, u: Float[Array, "batch *space channel"], prepared: tuple[Array, ...]) -> Prediction:
        return Prediction(u + self.base(u, modulation(prepared)), None)


@CONDITIONINGS.register("film")
@dataclasses.dataclass(frozen=True)
class FiLMConfig(ConditioningConfig):
    """FiLM: a gain and an offset from the parameters on every hidden channel of the base solver.

    Attributes:
        width: hidden units of the perceptron.
        embedding: input of the perceptron: the logarithm of a parameter, scaled to the trained range; its value, over
            the largest trained one; both; or sines and cosines of the logarithm.
    """

    divides_space: ClassVar[bool] = True

    width: int = 32
    embedding: EmbeddingName = "logarithm"

    def __post_init__(self):
        check_settings(self, width=1)

    def build(self, problem: Problem, build_solver: BuildSolver, *, rngs: nnx.Rngs) -> FiLM:
        return FiLM(problem, build_solver, width=self.width, embedding=self.embedding, rngs=rngs)
