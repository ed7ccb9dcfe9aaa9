"""The U-Net of ConvNeXt blocks, in any dimension by one code path."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from cape.solvers.layers.activation import gelu
from cape.solvers.layers.boundaries import check_boundaries
from cape.solvers.layers.convolution import DepthwiseConvolution, Pointwise, check_sizes
from cape.solvers.layers.layout import Features, channels_first, channels_last
from cape.solvers.layers.normalisation import LayerNorm
from cape.solvers.layers.resampling import Doubling, check_halvings, pairs_to_channels
from cape.solvers.solver import SOLVERS, Domain, Modulate, SolverConfig, check_settings, unmodulated


class ConvNextBlock(nnx.Module):
    """Add W₂ gelu(W₁ modulate(norm(D h))) to h, with D a wide depthwise convolution and `norm` over channels."""

    def __init__(
        self, channels: int, *, kernel: int, expansion: int, boundaries: tuple[str, ...], rngs: nnx.Rngs
    ):
        self.depthwise = DepthwiseConvolution(
            channels, 1, kernel, boundaries=boundaries, bias=True, rngs=rngs
        )
        self.norm = LayerNorm(channels, rngs=rngs)
        self.first = Pointwise(channels, expansion * channels, rngs=rngs)
        self.second = Pointwise(expansion * channels, channels, rngs=rngs)

    def __call__(self, h: Features, i: int, modulate: Modulate) -> Features:
        return h + self.second(gelu(self.first(modulate(i, self.norm(self.depthwise(h))))))


class ConvNextUNet(nnx.Module):
    """Map u(t) to u(t + dt) through a pyramid of grids with ConvNeXt blocks on each (modern U-Net).

    Pointwise map -> `levels` times down (block, normalise, linear map of every cell of 2 points per axis) ->
    block -> `levels` times up (transposed convolution 2, concatenate the encoder's features, pointwise map, block)
    -> pointwise map. Features double at every level down. Convolutions continue each axis according to its boundary.
    Normalisation acts on each point separately, and evaluation is the same as training.

    Args:
        in_channels, out_channels: channels of the input and the output field.
        boundaries: "periodic", "outgoing" or "wall", one per axis.
        features: channels of the first level.
        levels: number of halvings; every axis must be divisible by 2 ** levels.
        kernel: width of the depthwise convolutions, an odd number; the cost grows as kernel ** dimension.
        expansion: hidden channels of a block's pointwise perceptron, in multiples of its channels.

    `hidden_channels`: encoder blocks from fine to coarse, bottleneck, decoder blocks from coarse to fine;
    `modulate(i, h)` acts after the normalisation of block i.
    Raises ValueError for impossible sizes, input of the wrong shape or a grid that cannot be halved so often.
    Source: block: Liu et al., arXiv 2201.03545, figure 4; pyramid: Ronneberger et al., arXiv 1505.04597.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        boundaries: tuple[str, ...],
        features: int = 32,
        levels: int = 3,
        kernel: int = 7,
        expansion: int = 4,
        rngs: nnx.Rngs,
    ):
        self.boundaries = check_boundaries(boundaries)
        dimension = len(self.boundaries)
        check_sizes(features=features, levels=levels, expansion=expansion)
        self.in_channels, self.levels = in_channels, levels
        widths = [features * 2**level for level in range(levels + 1)]
        finer = widths[:-1]
        self.hidden_channels = (*widths, *reversed(finer))

        def block(channels: int) -> ConvNextBlock:
            return ConvNextBlock(
                channels, kernel=kernel, expansion=expansion, boundaries=self.boundaries, rngs=rngs
            )

        self.lift = Pointwise(in_channels, features, rngs=rngs)
        self.encoders = nnx.List(block(w) for w in finer)
        self.norms = nnx.List(LayerNorm(w, rngs=rngs) for w in finer)
        self.halvings = nnx.List(Pointwise(2**dimension * w, 2 * w, rngs=rngs) for w in finer)
        self.bottleneck = block(widths[-1])
        self.doublings = nnx.List(Doubling(2 * w, w, dimension=dimension, rngs=rngs) for w in reversed(finer))
        self.merges = nnx.List(Pointwise(2 * w, w, rngs=rngs) for w in reversed(finer))
        self.decoders = nnx.List(block(w) for w in reversed(finer))
        self.out = Pointwise(features, out_channels, rngs=rngs)

    def __call__(
        self, u: Float[Array, "batch *space channel"], modulate: Modulate = unmodulated
    ) -> Float[Array, "batch *space out"]:
        h, skips = self.lift(channels_first(u, len(self.boundaries), self.in_channels)), []
        check_halvings(h.shape[2:], self.levels)
        for i, (encoder, norm, halving) in enumerate(
            zip(self.encoders, self.norms, self.halvings, strict=True)
        ):
            h = encoder(h, i, modulate)
            skips.append(h)
            h = halving(pairs_to_channels(norm(h)))
        h = self.bottleneck(h, self.levels, modulate)
        upwards = zip(self.doublings, self.merges, self.decoders, strict=True)
        for i, (doubling, merge, decoder) in enumerate(upwards, start=self.levels + 1):
            h = merge(jnp.concatenate([doubling(h), skips.pop()]))
            h = decoder(h, i, modulate)
        return channels_last(self.out(h))

    def scale_output(self, factor: float) -> None:
        self.out.scale(factor)


@SOLVERS.register("convnext-u-net")
@dataclasses.dataclass(frozen=True)
class ConvNextUNetConfig(SolverConfig):
    """U-Net of ConvNeXt blocks: wide depthwise convolution, normalisation of each point, pointwise perceptron.

    Attributes:
        features: channels of the first level; they double at every level down.
        levels: number of halvings of the grid.
        kernel: width of the depthwise convolutions (3 keeps 3D affordable).
        expansion: hidden channels of the pointwise perceptrons, in multiples of a block's channels.
    """

    size_setting: ClassVar[str] = "features"
    divides_space: ClassVar[bool] = True

    features: int = 16
    levels: int = 3
    kernel: int = 7
    expansion: int = 4

    def __post_init__(self):
        check_settings(self, features=1, levels=1, kernel=1, expansion=1)

    def build(self, in_channels: int, out_channels: int, domain: Domain, *, rngs: nnx.Rngs) -> ConvNextUNet:
        settings = {"boundaries": domain.boundaries} | dataclasses.asdict(self)
        return ConvNextUNet(in_channels, out_channels, **settings, rngs=rngs)

    @property
    def grid_multiple(self) -> int:
        return 2**self.levels

    @property
    def grid_minimum(self) -> int:
        return max(self.kernel // 2, 1) * 2**self.levels
