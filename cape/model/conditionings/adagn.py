"""AdaGN: FiLM on hidden feature maps that are group-normalised first."""

import dataclasses
from typing import ClassVar

from flax import nnx
from jaxtyping import Array, Float

from cape.model.attention import modulation
from cape.model.conditioning import CONDITIONINGS, BuildSolver, Conditioning, ConditioningConfig, Prediction
from cape.model.conditionings.film import FiLM
from cape.model.embedding import EmbeddingName
from cape.problem import Problem
from cape.solvers.layers.normalisation import standardise
from cape.solvers.solver import check_settings


class AdaGN(Conditioning):
    """Apply adaptive group normalisation: standardise each hidden map, then apply FiLM's gain and offset.

    Source: Dhariwal and Nichol, arXiv 2105.05233.

    Args:
        film: the FiLM whose base solver and attention are used.
    """

    def __init__(self, film: FiLM):
        self.base, self.attention = film.base, film.attention

    def prepare(self, p: Float[Array, "batch parameter"]) -> tuple[Array, ...]:
        return self.attention.vectors(p)

    def __call__(self, u: Float[Array, "batch *space channel"], prepared: tuple[Array, ...]) -> Prediction:
        modulate = modulation(prepared)
        return Prediction(u + self.base(u, lambda i, h: modulate(i, standardise(h))), None)


@CONDITIONINGS.register("adagn")
@dataclasses.dataclass(frozen=True)
class AdaGNConfig(ConditioningConfig):
    """Adaptive group normalisation: FiLM on hidden feature maps that are group-normalised first.

    Attributes:
        width: hidden units of the perceptron.
        embedding: input of the perceptron, as in `FiLMConfig`.
    """

    divides_space: ClassVar[bool] = True

    width: int = 32
    embedding: EmbeddingName = "logarithm"

    def __post_init__(self):
        check_settings(self, width=1)

    def build(self, problem: Problem, build_solver: BuildSolver, *, rngs: nnx.Rngs) -> AdaGN:
        return AdaGN(FiLM(problem, build_solver, width=self.width, embedding=self.embedding, rngs=rngs))
