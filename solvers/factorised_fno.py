"""The factorised Fourier neural operator (F-FNO), in any dimension by one code path."""

from collections.abc import Callable

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from cape.solvers.fno import unmodulated
from cape.solvers.layers.activation import gelu
from cape.solvers.layers.convolution import DepthwiseConvolution, Pointwise, check_boundaries, check_sizes
from cape.solvers.layers.layout import Features, lead, trail
from cape.solvers.layers.spectral import SpectralConvolution


class AxisSpectralConvolution(nnx.Module):
    """Convolve spectrally along each axis by itself and add the results: y = Σ_a F_a⁻¹[ R_a(k_a) F_a u ].

    Weights grow with the sum of the modes over axes, where a full spectral convolution's grow with their product.
    Started such that y has about the variance that u has in the kept modes.
    """

    def __init__(self, width: int, modes: tuple[int, ...], *, rngs: nnx.Rngs):
        spread = (2 * width * len(modes)) ** -0.5
        self.axes = nnx.List(
            SpectralConvolution(width, width, count, dimension=1, spread=spread, rngs=rngs) for count in modes
        )

    def __call__(self, h: Features) -> Features:
        y = jnp.zeros_like(h)
        for axis, convolution in enumerate(self.axes, start=2):
            lines = jnp.moveaxis(h, axis, -1)
            along = convolution(lines.reshape(lines.shape[0], -1, lines.shape[-1])).reshape(lines.shape)
            y = y + jnp.moveaxis(along, -1, axis)
        return y


class FactorisedFNO(nnx.Module):
    """Map u(t) to u(t + dt) with residual layers of one spectral convolution per axis (factorised FNO).

    lift -> `layers` times h = h + W₂ gelu(W₁ (Σ_a K_a h [+ D h])) -> Linear, gelu, Linear.
    K_a acts along axis a alone; D, as in our FNO, is an optional depthwise convolution that sees what lies
    above the highest mode. On periodic axes it commutes with shifts; without D it is the same function on every
    grid that resolves its input. K takes every axis as periodic; see `Bounded` for those that end.

    Args:
        in_channels, out_channels: channels of the input and the output field.
        boundaries: "periodic" | "outgoing" | "wall" (| "zeros"), one per axis, for the local branch.
        width: channels of the hidden feature maps.
        modes: Fourier modes kept per axis, one number or one per axis.
        layers: number of layers.
        expansion: hidden channels of the feed-forward part, in widths.
        projection: channels between the two last linear maps.
        kernel: width of the local branch, an odd number, or 0 for none.

    `hidden_channels` is (width,) * layers; `modulate(i, h)` acts on the sum of the convolutions of layer i.
    Raises ValueError for impossible sizes and for input of the wrong shape.
    Source: Tran, Mathews, Xie, Ong, ICLR 2023, arXiv 2111.13802, equations 7 and 8.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        boundaries: tuple[str, ...],
        width: int = 32,
        modes: int | tuple[int, ...] = 12,
        layers: int = 4,
        expansion: int = 2,
        projection: int = 128,
        kernel: int = 0,
        rngs: nnx.Rngs,
    ):
        self.boundaries = check_boundaries(boundaries)
        dimension = len(self.boundaries)
        check_sizes(width=width, layers=layers, expansion=expansion, projection=projection)
        each = (modes,) * dimension if isinstance(modes, int) else tuple(modes)
        if len(each) != dimension:
            raise ValueError(f"expected modes, one number or {dimension} of them (one per axis), got {modes}")
        self.in_channels = in_channels
        self.hidden_channels = (width,) * layers
        self.lift = Pointwise(in_channels, width, rngs=rngs)
        self.spectral = nnx.List(AxisSpectralConvolution(width, each, rngs=rngs) for _ in range(layers))
        self.local = nnx.List(
            DepthwiseConvolution(width, 1, kernel, boundaries=self.boundaries, rngs=rngs)
            for _ in range(layers if kernel else 0)
        )
        self.first = nnx.List(Pointwise(width, expansion * width, rngs=rngs) for _ in range(layers))
        self.second = nnx.List(Pointwise(expansion * width, width, rngs=rngs) for _ in range(layers))
        self.project = Pointwise(width, projection, rngs=rngs)
        self.out = Pointwise(projection, out_channels, rngs=rngs)

    def __call__(
        self,
        u: Float[Array, "batch *space channel"],
        modulate: Callable[[int, Array], Array] = unmodulated,
    ) -> Float[Array, "batch *space out"]:
        h = self.lift(lead(u, len(self.boundaries), self.in_channels))
        for i, spectral in enumerate(self.spectral):
            linear = spectral(h)
            if len(self.local):
                linear = linear + self.local[i](h)
            h = h + self.second[i](gelu(self.first[i](modulate(i, linear))))
        return trail(self.out(gelu(self.project(h))))
