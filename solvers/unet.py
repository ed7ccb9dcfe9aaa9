"""The U-Net, in any dimension by one code path."""

from collections.abc import Callable

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from cape.solvers.fno import unmodulated
from cape.solvers.layers.activation import gelu
from cape.solvers.layers.convolution import Convolution, Pointwise, check_boundaries, check_sizes, mix
from cape.solvers.layers.fourier import Size
from cape.solvers.layers.initialisation import torch_uniform
from cape.solvers.layers.layout import Features, lead, over_points, trail
from cape.solvers.layers.normalisation import NORMALIZATIONS

ACTIVATIONS = {"gelu": gelu, "tanh": jnp.tanh}


def check_halvings(space: tuple[Size, ...], levels: int) -> None:
    """Raise ValueError unless every axis can be halved `levels` times."""
    if any(n % 2**levels for n in space):
        raise ValueError(
            f"expected a grid divisible by 2^levels = {2**levels} along each axis, got {space}; "
            "use fewer levels or another resolution"
        )


def halve(h: Features) -> Features:
    """Take the maximum over 2 neighbours along each axis (max-pooling of width and stride 2)."""
    for axis in range(2, h.ndim):
        pairs = h.reshape(*h.shape[:axis], h.shape[axis] // 2, 2, *h.shape[axis + 1 :])
        h = jnp.maximum(*(jnp.take(pairs, i, axis=axis + 1) for i in (0, 1)))
    return h


class Doubling(nnx.Module):
    """Double the grid by a transposed convolution of width and stride 2: y_{2i+j} = u_i W_j + b.

    `weight`: [2 per axis, in, out]; `bias`: [out].
    """

    def __init__(self, in_channels: int, out_channels: int, *, dimension: int, rngs: nnx.Rngs):
        fan_in = out_channels * 2**dimension  # PyTorch counts a transposed convolution's outputs
        self.weight = torch_uniform(rngs, (2,) * dimension + (in_channels, out_channels), fan_in)
        self.bias = torch_uniform(rngs, (out_channels,), fan_in)

    def __call__(self, h: Features) -> Features:
        dimension = h.ndim - 2
        *_, inputs, outputs = self.weight.shape
        taps = jnp.moveaxis(self.weight[...], -2, 0).reshape(inputs, -1)
        y = mix(h, taps).reshape(*(2,) * dimension, outputs, *h.shape[1:])
        interleaved = [axis for i in range(dimension) for axis in (dimension + 2 + i, i)]
        y = y.transpose(dimension, dimension + 1, *interleaved)
        y = y.reshape(outputs, h.shape[1], *(2 * n for n in h.shape[2:]))
        return y + over_points(self.bias[...], y.ndim)


class Block(nnx.Module):
    """Apply [3-wide convolution without bias, normalisation, activation] twice, modulated before the last."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        boundaries: tuple[str, ...],
        normalization: str,
        activation: str,
        rngs: nnx.Rngs,
    ):
        norm = NORMALIZATIONS[normalization]
        self.convolution1 = Convolution(
            in_channels, out_channels, 3, boundaries=boundaries, bias=False, rngs=rngs
        )
        self.norm1 = norm(out_channels, rngs=rngs)
        self.convolution2 = Convolution(
            out_channels, out_channels, 3, boundaries=boundaries, bias=False, rngs=rngs
        )
        self.norm2 = norm(out_channels, rngs=rngs)
        self.activation = ACTIVATIONS[activation]

    def __call__(self, h: Array, i: int, modulate: Callable[[int, Array], Array]) -> Array:
        h = self.activation(self.norm1(self.convolution1(h)))
        return self.activation(modulate(i, self.norm2(self.convolution2(h))))


class UNet(nnx.Module):
    """Map u(t) to u(t + dt) through a pyramid of grids, each half as fine as the one before (U-Net).

    `levels` times down (block, max-pool 2) and up (transposed convolution 2, concatenate (upsampled,
    encoder's features), block), then a pointwise map. Features double at every level down.
    The default continues each axis as its boundary says and has per-sample group norm and gelu. The published
    form has boundaries ("zeros", ...), normalization="batch" and activation="tanh"; it has running
    statistics, so call `model.train()` before training and `model.eval()` before evaluation.

    Args:
        in_channels, out_channels: channels of the input and the output field.
        boundaries: "periodic" | "outgoing" | "wall" (| "zeros"), one per axis.
        features: channels of the first level.
        levels: number of halvings; every axis must be divisible by 2 ** levels.
        normalization: "group" | "batch".
        activation: "gelu" | "tanh".

    `hidden_channels`: encoder blocks from fine to coarse, bottleneck, decoder blocks from coarse to fine;
    `modulate(i, h)` acts after the second normalisation of block i.
    Raises ValueError for impossible options, input of the wrong shape or a grid that cannot be halved so
    often. Source: Ronneberger et al., arXiv 1505.04597.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        boundaries: tuple[str, ...],
        features: int = 32,
        levels: int = 4,
        normalization: str = "group",
        activation: str = "gelu",
        rngs: nnx.Rngs,
    ):
        self.boundaries = check_boundaries(boundaries)
        check_sizes(features=features, levels=levels)
        if normalization not in NORMALIZATIONS:
            raise ValueError(f"expected normalization one of {sorted(NORMALIZATIONS)}, got {normalization!r}")
        if activation not in ACTIVATIONS:
            raise ValueError(f"expected activation one of {sorted(ACTIVATIONS)}, got {activation!r}")
        self.in_channels = in_channels
        self.levels = levels
        widths = [features * 2**level for level in range(levels + 1)]
        self.hidden_channels = (*widths, *reversed(widths[:-1]))

        def block(inputs: int, outputs: int) -> Block:
            options = {"normalization": normalization, "activation": activation, "rngs": rngs}
            return Block(inputs, outputs, boundaries=self.boundaries, **options)

        def doubling(inputs: int, outputs: int) -> Doubling:
            return Doubling(inputs, outputs, dimension=len(self.boundaries), rngs=rngs)

        self.encoders = nnx.List(
            block(a, b) for a, b in zip((in_channels, *widths), widths[:-1], strict=False)
        )
        self.bottleneck = block(widths[-2], widths[-1])
        self.doublings = nnx.List(doubling(2 * w, w) for w in reversed(widths[:-1]))
        self.decoders = nnx.List(block(2 * w, w) for w in reversed(widths[:-1]))
        self.out = Pointwise(features, out_channels, rngs=rngs)

    def __call__(
        self,
        u: Float[Array, "batch *space channel"],
        modulate: Callable[[int, Array], Array] = unmodulated,
    ) -> Float[Array, "batch *space out"]:
        h, skips = lead(u, len(self.boundaries), self.in_channels), []
        check_halvings(h.shape[2:], self.levels)
        for i, encoder in enumerate(self.encoders):
            h = encoder(h, i, modulate)
            skips.append(h)
            h = halve(h)
        h = self.bottleneck(h, self.levels, modulate)
        for i, (doubling, decoder) in enumerate(zip(self.doublings, self.decoders, strict=True)):
            h = jnp.concatenate([doubling(h), skips.pop()])
            h = decoder(h, self.levels + 1 + i, modulate)
        return trail(self.out(h))
