"""The U-Net of warps: heads of channels are displaced by fields computed from the features, on several grids."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from cape.solvers.layers.activation import gelu
from cape.solvers.layers.boundaries import check_boundaries
from cape.solvers.layers.convolution import Pointwise, check_sizes
from cape.solvers.layers.initialisation import uniform
from cape.solvers.layers.layout import Features, channels_first, channels_last
from cape.solvers.layers.normalisation import LayerNorm
from cape.solvers.layers.resampling import Doubling, cut, pairs_to_channels, to_even
from cape.solvers.layers.warp import bounded, warp_by_gather, warp_by_shifts
from cape.solvers.solver import SOLVERS, Domain, Modulate, SolverConfig, check_settings, unmodulated


class WarpBlock(nnx.Module):
    """Add W₂ gelu(modulate(W₁ [n, w])) to h, with n = norm(h) and w the warp of n by displacements s = modulate(V n).

    One axis after the other, the channels are mixed linearly and head j is moved along this axis:
    w = M_y A_y M_x A_x n, with (M_x w)(x) = w(x - s_x(x)). `V` starts with displacements of up to a cell in random
    directions, so that an untrained block sees neighbouring points, like a convolution.

    Args:
        channels: channels of h, a multiple of `heads`; head j has the channels j, j + heads, j + 2 heads, ...
        heads: number of displacement fields.
        largest: bound of the displacements in cells, or 0 for none. Bounded warps are sums of shifts; others gather.
        expansion: hidden channels of the perceptron, in multiples of `channels`.
        boundaries: one per axis.

    `modulate` is called with number i for the displacements in cells, [axes * heads, batch, *space], before they are
    bounded, and with i + 1 for the hidden channels.
    """

    def __init__(
        self,
        channels: int,
        *,
        heads: int,
        largest: int,
        expansion: int,
        boundaries: tuple[str, ...],
        rngs: nnx.Rngs,
    ):
        self.boundaries, self.heads, self.largest = boundaries, heads, largest
        displacements = len(boundaries) * heads
        self.hidden_channels = (displacements, expansion * channels)
        self.norm = LayerNorm(channels, rngs=rngs)
        self.displacement = Pointwise(channels, displacements, rngs=rngs)
        self.displacement.bias = uniform(rngs, (displacements,), -1.0, 1.0)
        self.mixes = nnx.List(Pointwise(channels, channels, bias=False, rngs=rngs) for _ in boundaries)
        self.first = Pointwise(2 * channels, expansion * channels, rngs=rngs)
        self.second = Pointwise(expansion * channels, channels, rngs=rngs)

    def __call__(self, h: Features, i: int, modulate: Modulate) -> Features:
        normal = self.norm(h)
        warped = self._warp(normal, modulate(i, self.displacement(normal)))
        hidden = self.first(jnp.concatenate([normal, warped]))
        return h + self.second(gelu(modulate(i + 1, hidden)))

    def _warp(self, h: Features, s: Float[Array, "axis_head batch *space"]) -> Features:
        """Mix the channels and move them by the displacements s of the heads, one axis after the other."""
        if self.largest:
            s = bounded(s, self.largest)
        repeats = h.shape[0] // self.heads
        for axis, mix in enumerate(self.mixes):
            # copies, because the gradient of a broadcast is a sum over a middle axis, which is slow on a CPU
            along = jnp.concatenate([s[axis * self.heads : (axis + 1) * self.heads]] * repeats)
            if self.largest:
                h = warp_by_shifts(mix(h), along, axis, self.boundaries[axis], self.largest)
            else:
                h = warp_by_gather(mix(h), along, axis, self.boundaries[axis])
        return h


class WarpUNet(nnx.Module):
    """Map u(t) to u(t + dt) through a pyramid of grids with a block of warps on each.

    Halve the grid `coarsening` times without loss, the points of a cell becoming channels -> pointwise map -> `levels`
    times down (block, linear map of every cell of 2 points per axis) -> block -> `levels` times up (transposed
    convolution 2, concatenate the encoder's features, pointwise map, block) -> `coarsening` transposed convolutions,
    add a pointwise map of u, gelu, pointwise map. Features double at every level down. A displacement of one cell on
    the coarsest grid is one of 2 ** (coarsening + levels) cells of the field. An axis with an odd number of points is
    continued by one point before it is halved, so every grid will do.

    Args:
        in_channels, out_channels: channels of the input and the output field.
        boundaries: "periodic", "outgoing" or "wall", one per axis.
        width: channels of each head on the first level.
        levels: number of halvings between blocks.
        coarsening: number of halvings before the first block.
        heads, largest, expansion: see `WarpBlock`.

    `hidden_channels`: two entries for each block, encoder from fine to coarse, bottleneck, decoder from coarse to fine:
    the displacements, which `displacement_maps` lists, and the hidden channels of the perceptron.
    Raises ValueError for impossible sizes and for input of the wrong shape.
    Source of the idea, displacements computed from features on several grids: arXiv 2603.04430.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        boundaries: tuple[str, ...],
        width: int = 6,
        levels: int = 2,
        coarsening: int = 1,
        heads: int = 4,
        largest: int = 2,
        expansion: int = 2,
        rngs: nnx.Rngs,
    ):
        self.boundaries = check_boundaries(boundaries)
        dimension = len(self.boundaries)
        check_sizes(width=width, levels=levels, heads=heads, expansion=expansion)
        self.in_channels = in_channels
        widths = [heads * width * 2**level for level in range(levels + 1)]
        finer = widths[:-1]

        def block(channels: int) -> WarpBlock:
            settings = {"heads": heads, "largest": largest, "expansion": expansion}
            return WarpBlock(channels, **settings, boundaries=self.boundaries, rngs=rngs)

        cells = 2 ** (dimension * coarsening)
        self.lift = Pointwise(cells * in_channels, widths[0], rngs=rngs)
        self.encoders = nnx.List(block(w) for w in finer)
        self.halvings = nnx.List(Pointwise(2**dimension * w, 2 * w, rngs=rngs) for w in finer)
        self.bottleneck = block(widths[-1])
        self.doublings = nnx.List(Doubling(2 * w, w, dimension=dimension, rngs=rngs) for w in reversed(finer))
        self.merges = nnx.List(Pointwise(2 * w, w, rngs=rngs) for w in reversed(finer))
        self.decoders = nnx.List(block(w) for w in reversed(finer))
        self.refinements = nnx.List(
            Doubling(widths[0], widths[0], dimension=dimension, rngs=rngs) for _ in range(coarsening)
        )
        self.direct = Pointwise(in_channels, widths[0], bias=False, rngs=rngs)
        self.out = Pointwise(widths[0], out_channels, rngs=rngs)
        blocks = [*self.encoders, self.bottleneck, *self.decoders]
        self.hidden_channels = tuple(channels for each in blocks for channels in each.hidden_channels)
        self.displacement_maps = tuple(range(0, len(self.hidden_channels), 2))

    def __call__(
        self, u: Float[Array, "batch *space channel"], modulate: Modulate = unmodulated
    ) -> Float[Array, "batch *space out"]:
        field = channels_first(u, len(self.boundaries), self.in_channels)
        h, grids, skips, i = field, [], [], 0
        for _ in self.refinements:
            grids.append(h.shape[2:])
            h = pairs_to_channels(to_even(h, self.boundaries))
        h = self.lift(h)
        for encoder, halving in zip(self.encoders, self.halvings, strict=True):
            h = encoder(h, i, modulate)
            skips.append(h)
            h, i = halving(pairs_to_channels(to_even(h, self.boundaries))), i + 2
        h = self.bottleneck(h, i, modulate)
        for doubling, merge, decoder in zip(self.doublings, self.merges, self.decoders, strict=True):
            finer = skips.pop()
            h, i = merge(jnp.concatenate([cut(doubling(h), finer.shape[2:]), finer])), i + 2
            h = decoder(h, i, modulate)
        for refinement in self.refinements:
            h = cut(refinement(h), grids.pop())
        return channels_last(self.out(gelu(h + self.direct(field))))

    def scale_output(self, factor: float) -> None:
        self.out.scale(factor)


@SOLVERS.register("warp-u-net")
@dataclasses.dataclass(frozen=True)
class WarpUNetConfig(SolverConfig):
    """U-Net of warps: heads of channels are displaced by fields computed from the features, on several grids.

    Attributes:
        width: channels of each head on the first level; they double at every level down.
        levels: number of halvings of the grid between blocks.
        coarsening: number of halvings before the first block. 0 is more accurate at small scales and slower.
        heads: displacement fields of a block.
        largest: bound of the displacements in cells of each grid; 0: no bound. Without a bound, the warps gather, which
            is slower on a CPU.
        expansion: hidden channels of the pointwise perceptrons, in multiples of a block's channels.
    """

    divides_space: ClassVar[bool] = True

    width: int = 6
    levels: int = 2
    coarsening: int = 1
    heads: int = 4
    largest: int = 2
    expansion: int = 2

    def __post_init__(self):
        check_settings(self, width=1, levels=1, coarsening=0, heads=1, largest=0, expansion=1)

    def build(self, in_channels: int, out_channels: int, domain: Domain, *, rngs: nnx.Rngs) -> WarpUNet:
        settings = {"boundaries": domain.boundaries} | dataclasses.asdict(self)
        return WarpUNet(in_channels, out_channels, **settings, rngs=rngs)

    @property
    def open_grid_multiple(self) -> int:
        halvings = self.levels + self.coarsening
        return 2 ** (
            halvings + max(self.largest - 1, 0).bit_length()
        )  # the coarsest grid has `largest` points

    @property
    def grid_minimum(self) -> int:
        return 1
