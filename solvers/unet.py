"""The U-Net, in any dimension by one code path."""

import dataclasses
from typing import ClassVar

from flax import nnx

from cape.solvers.layers.activation import gelu
from cape.solvers.layers.boundaries import check_boundaries
from cape.solvers.layers.normalisation import GroupNorm
from cape.solvers.layers.unet_pyramid import Block, UNetPyramid
from cape.solvers.solver import SOLVERS, Domain, SolverConfig, check_settings


class UNet(UNetPyramid):
    """Map u(t) to u(t + dt) through a pyramid of grids, each half as fine as the one before (U-Net).

    The blocks are those of `Block` with group normalisation, which acts on each sample separately, and gelu. The
    convolutions continue each axis according to its boundary.

    Args:
        in_channels, out_channels: channels of the input and the output field.
        boundaries: "periodic", "outgoing" or "wall", one per axis.
        features: channels of the first level; they double at every level down.
        levels: number of halvings; every axis must be divisible by 2 ** levels.

    `hidden_channels`: encoder blocks from fine to coarse, bottleneck, decoder blocks from coarse to fine;
    `modulate(i, h)` acts after the second normalisation of block i.
    Raises ValueError for impossible sizes, input of the wrong shape or a grid that cannot be halved so often.
    Source: Ronneberger et al., arXiv 1505.04597.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        boundaries: tuple[str, ...],
        features: int = 32,
        levels: int = 4,
        rngs: nnx.Rngs,
    ):
        self.boundaries = check_boundaries(boundaries)

        def block(inputs: int, outputs: int) -> Block:
            return Block(
                inputs, outputs, boundaries=self.boundaries, norm=GroupNorm, activation=gelu, rngs=rngs
            )

        super().__init__(
            in_channels,
            out_channels,
            dimension=len(boundaries),
            features=features,
            levels=levels,
            block=block,
            rngs=rngs,
        )


@SOLVERS.register("u-net")
@dataclasses.dataclass(frozen=True)
class UNetConfig(SolverConfig):
    """U-Net with group normalisation, gelu and padding according to the boundaries.

    Attributes:
        features: channels of the first level; they double at every level down.
        levels: number of halvings of the grid.
    """

    size_setting: ClassVar[str] = "features"
    size_step: ClassVar[int] = 4  # GroupNorm then has at least 4 groups
    divides_space: ClassVar[bool] = True

    features: int = 16
    levels: int = 3

    def __post_init__(self):
        check_settings(self, features=1, levels=1)

    def build(self, in_channels: int, out_channels: int, domain: Domain, *, rngs: nnx.Rngs) -> UNet:
        return UNet(
            in_channels, out_channels, boundaries=domain.boundaries, **dataclasses.asdict(self), rngs=rngs
        )

    @property
    def grid_multiple(self) -> int:
        return 2**self.levels

    @property
    def grid_minimum(self) -> int:
        return 2**self.levels
