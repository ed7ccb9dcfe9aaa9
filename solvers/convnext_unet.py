"""The U-Net of ConvNeXt blocks, in any dimension by one code path."""

from collections.abc import Callable

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from cape.solvers.fno import unmodulated
from cape.solvers.layers.activation import gelu
from cape.solvers.layers.convolution import DepthwiseConvolution, Pointwise, check_boundaries, check_sizes
from cape.solvers.layers.layout import Features, lead, trail
from cape.solvers.layers.normalisation import LayerNorm
from cape.solvers.unet import Doubling, check_halvings


def pairs_to_channels(h: Features) -> Features:
    """Halve the grid without loss: the 2 points along each axis of every cell become channels side by side."""
    dimension = h.ndim - 2
    split = h.reshape(*h.shape[:2], *(part for n in h.shape[2:] for part in (n // 2, 2)))
    cells, corners = range(2, 2 + 2 * dimension, 2), range(3, 3 + 2 * dimension, 2)
    corners_first = split.transpose(*corners, 0, 1, *cells)
    return corners_first.reshape(2**dimension * h.shape[0], h.shape[1], *(n // 2 for n in h.shape[2:]))


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

    def __call__(self, h: Array, i: int, modulate: Callable[[int, Array], Array]) -> Array:
        return h + self.second(gelu(self.first(modulate(i, self.norm(self.depthwise(h))))))


class ConvNextUNet(nnx.Module):
    """Map u(t) to u(t + dt) through a pyramid of grids with ConvNeXt blocks on each (modern U-Net).

    Pointwise map -> `levels` times down (block, normalise, linear map of every cell of 2 points per axis) ->
    block -> `levels` times up (transposed convolution 2, concatenate the encoder's features, pointwise map, block)
    -> pointwise map. Features double at every level down. Every axis continues as its boundary says; no
    statistic passes between points, samples, or training and evaluation.

    Args:
        in_channels, out_channels: channels of the input and the output field.
        boundaries: "periodic" | "outgoing" | "wall" (| "zeros"), one per axis.
        features: channels of the first level.
        levels: number of halvings; every axis must be divisible by 2 ** levels.
        kernel: width of the depthwise convolutions, an odd number; its cost is kernel to the dimension.
        expansion: hidden channels of a block's pointwise perceptron, in widths.

    `hidden_channels`: encoder blocks from fine to coarse, bottleneck, decoder blocks from coarse to fine;
    `modulate(i, h)` acts after the normalisation of block i.
    Raises ValueError for impossible options, input of the wrong shape or a grid that cannot be halved so often.
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
            options = {"kernel": kernel, "expansion": expansion, "boundaries": self.boundaries}
            return ConvNextBlock(channels, **options, rngs=rngs)

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
        self,
        u: Float[Array, "batch *space channel"],
        modulate: Callable[[int, Array], Array] = unmodulated,
    ) -> Float[Array, "batch *space out"]:
        h, skips = self.lift(lead(u, len(self.boundaries), self.in_channels)), []
        check_halvings(h.shape[2:], self.levels)
        for i, (encoder, norm, halving) in enumerate(
            zip(self.encoders, self.norms, self.halvings, strict=True)
        ):
            h = encoder(h, i, modulate)
            skips.append(h)
            h = halving(pairs_to_channels(norm(h)))
        h = self.bottleneck(h, self.levels, modulate)
        ways_up = zip(self.doublings, self.merges, self.decoders, strict=True)
        for i, (doubling, merge, decoder) in enumerate(ways_up, start=self.levels + 1):
            h = merge(jnp.concatenate([doubling(h), skips.pop()]))
            h = decoder(h, i, modulate)
        return trail(self.out(h))
