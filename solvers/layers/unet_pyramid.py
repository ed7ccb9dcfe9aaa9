"""The pyramid of grids that U-Nets share, and its block of two convolutions."""

from collections.abc import Callable

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from cape.solvers.layers.convolution import Convolution, Pointwise, check_sizes
from cape.solvers.layers.layout import Features, channels_first, channels_last
from cape.solvers.layers.resampling import Doubling, check_halvings, halve
from cape.solvers.solver import Modulate, unmodulated


class Block(nnx.Module):
    """Apply [3-wide convolution without bias, normalisation, activation] twice, modulated before the last activation.

    Args:
        in_channels, out_channels: channels of the input and the output.
        boundaries: one per axis.
        norm: builds a normalisation, `norm(channels, rngs=rngs)`.
        activation: elementwise.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        boundaries: tuple[str, ...],
        norm: Callable[..., nnx.Module],
        activation: Callable[[Array], Array],
        rngs: nnx.Rngs,
    ):
        def convolution(channels: int) -> Convolution:
            return Convolution(channels, out_channels, 3, boundaries=boundaries, bias=False, rngs=rngs)

        self.convolution1, self.norm1 = convolution(in_channels), norm(out_channels, rngs=rngs)
        self.convolution2, self.norm2 = convolution(out_channels), norm(out_channels, rngs=rngs)
        self.activation = activation

    def __call__(self, h: Features, i: int, modulate: Modulate) -> Float[Array, "out batch *space"]:
        h = self.activation(self.norm1(self.convolution1(h)))
        return self.activation(modulate(i, self.norm2(self.convolution2(h))))


class UNetPyramid(nnx.Module):
    """Map a field to a field through a pyramid of grids, each half as fine as the one before.

    `levels` times down (block, maximum pooling 2) and up (transposed convolution 2, concatenate (upsampled, encoder's
    features), block), then a pointwise map. Features double at every level down.

    Args:
        in_channels, out_channels: channels of the input and the output field.
        dimension: number of spatial axes.
        features: channels of the first level.
        levels: number of halvings; every axis must be divisible by 2 ** levels.
        block: builds the block from its input and output channels.

    `hidden_channels`: encoder blocks from fine to coarse, bottleneck, decoder blocks from coarse to fine;
    `modulate(i, h)` acts inside block i.
    Raises ValueError for impossible sizes, input of the wrong shape or a grid that cannot be halved so often.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dimension: int,
        features: int,
        levels: int,
        block: Callable[[int, int], nnx.Module],
        rngs: nnx.Rngs,
    ):
        check_sizes(features=features, levels=levels)
        self.dimension, self.in_channels, self.levels = dimension, in_channels, levels
        widths = [features * 2**level for level in range(levels + 1)]
        finer = widths[:-1]
        self.hidden_channels = (*widths, *reversed(finer))
        self.encoders = nnx.List(block(a, b) for a, b in zip((in_channels, *widths), finer, strict=False))
        self.bottleneck = block(widths[-2], widths[-1])
        self.doublings = nnx.List(Doubling(2 * w, w, dimension=dimension, rngs=rngs) for w in reversed(finer))
        self.decoders = nnx.List(block(2 * w, w) for w in reversed(finer))
        self.out = Pointwise(features, out_channels, rngs=rngs)

    def __call__(
        self, u: Float[Array, "batch *space channel"], modulate: Modulate = unmodulated
    ) -> Float[Array, "batch *space out"]:
        h, skips = channels_first(u, self.dimension, self.in_channels), []
        check_halvings(h.shape[2:], self.levels)
        for i, encoder in enumerate(self.encoders):
            h = encoder(h, i, modulate)
            skips.append(h)
            h = halve(h)
        h = self.bottleneck(h, self.levels, modulate)
        for i, (doubling, decoder) in enumerate(zip(self.doublings, self.decoders, strict=True)):
            h = jnp.concatenate([doubling(h), skips.pop()])
            h = decoder(h, self.levels + 1 + i, modulate)
        return channels_last(self.out(h))

    def scale_output(self, factor: float) -> None:
        self.out.scale(factor)
