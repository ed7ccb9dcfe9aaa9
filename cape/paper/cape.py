"""CAPE in its published form."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from cape.model.conditioning import CONDITIONINGS, BuildSolver, Conditioning, ConditioningConfig, Prediction
from cape.paper.block import CAPEBlock
from cape.problem import Problem
from cape.solvers.layers.convolution import Pointwise
from cape.solvers.layers.layout import channels_first, channels_last
from cape.solvers.solver import check_settings


class PaperCAPE(Conditioning):
    """Predict u(t + dt) = mix(base(concat(u, u'))) with u' from `CAPEBlock`.

    The base solver takes and gives 2C channels; `mix` is a pointwise map to C channels.

    Args:
        config: settings of the block.

    Source: Takamoto et al., ICML 2023, section 4.
    """

    first_guess_modules: ClassVar[tuple[str, ...]] = ("block",)

    def __init__(
        self, problem: Problem, build_solver: BuildSolver, config: "PaperCAPEConfig", *, rngs: nnx.Rngs
    ):
        channels = len(problem.channels)
        self.block = CAPEBlock(
            len(problem.parameters),
            channels,
            problem.resolution,
            widening=config.widening,
            kernel=config.kernel,
            modes=config.modes or None,
            pointwise_output=config.pointwise_output,
            rngs=rngs,
        )
        self.base = build_solver(2 * channels, 2 * channels)
        self.mix = Pointwise(2 * channels, channels, rngs=rngs)

    def prepare(self, p: Float[Array, "batch parameter"]) -> tuple[Array, ...]:
        return self.block.vectors(p)

    def __call__(self, u: Float[Array, "batch *space channel"], prepared: tuple[Array, ...]) -> Prediction:
        first_guess = self.block(u, prepared)
        both = self.base(jnp.concatenate([u, first_guess], -1))
        mixed = self.mix(channels_first(both, u.ndim - 2, both.shape[-1]))
        return Prediction(channels_last(mixed), first_guess)


@CONDITIONINGS.register("paper-cape")
@dataclasses.dataclass(frozen=True)
class PaperCAPEConfig(ConditioningConfig):
    """CAPE in its published form. It works on one resolution only.

    Attributes:
        widening: channels of the block's branches.
        kernel: width of the block's convolutions.
        modes: modes per axis of the spectral branch; 0: 16 in 1D, 9 in 2D and 3D.
        pointwise_output: the block's last convolution is 1x1 with bias. If false, it is as wide as the others, without
            bias.
    """

    fixed_grid: ClassVar[bool] = True
    widening: int = 64
    kernel: int = 5
    modes: int = 0
    pointwise_output: bool = True

    def __post_init__(self):
        check_settings(self, widening=1, kernel=1, modes=0)

    def build(self, problem: Problem, build_solver: BuildSolver, *, rngs: nnx.Rngs) -> PaperCAPE:
        return PaperCAPE(problem, build_solver, self, rngs=rngs)
