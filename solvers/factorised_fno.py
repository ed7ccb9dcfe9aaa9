"""The factorised Fourier neural operator (F-FNO), in any dimension by one code path."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from cape.solvers.layers.activation import gelu
from cape.solvers.layers.boundaries import check_boundaries
from cape.solvers.layers.convolution import DepthwiseConvolution, Pointwise, check_sizes
from cape.solvers.layers.layout import Features, channels_first, channels_last
from cape.solvers.layers.spectral import SpectralConvolution, modes_per_axis, unused_modes
from cape.solvers.solver import SOLVERS, Domain, Modulate, SolverConfig, check_settings, unmodulated


class AxisSpectralConvolution(nnx.Module):
    """Add spectral convolutions along each axis alone: y = Σ_a F_a⁻¹[ R_a(k_a) F_a u ].

    The number of weights grows with the sum of the modes over axes; that of a full spectral convolution grows with
    their product. At the start y has about the variance that u has in the kept modes.
    """

    def __init__(self, width: int, modes: tuple[int, ...], *, rngs: nnx.Rngs):
        std = (2 * width * len(modes)) ** -0.5
        self.axes = nnx.List(
            SpectralConvolution(width, width, count, dimension=1, std=std, rngs=rngs) for count in modes
        )

    def __call__(self, h: Features) -> Features:
        y = jnp.zeros_like(h)
        for axis, convolution in enumerate(self.axes, start=2):
            lines = jnp.moveaxis(h, axis, -1)
            flat = lines.reshape(lines.shape[0], -1, lines.shape[-1])
            along = convolution(flat, first_axis=axis == 2).reshape(lines.shape)
            y = y + jnp.moveaxis(along, -1, axis)
        return y


class FactorisedFNO(nnx.Module):
    """Map u(t) to u(t + dt) with residual layers of one spectral convolution per axis (factorised FNO).

    lift -> `layers` times h = h + W₂ gelu(W₁ (Σ_a K_a h [+ D h])) -> Linear, gelu, Linear.
    K_a acts along axis a alone. D is the optional local branch of `FNO`, a depthwise convolution that resolves what
    lies above the highest mode. On periodic axes the solver commutes with shifts. Without D it is the same function on
    every grid that resolves its input. K takes every axis as periodic; `Bounded` extends the other axes.

    Args:
        in_channels, out_channels: channels of the input and the output field.
        boundaries: "periodic", "outgoing" or "wall", one per axis, for the local branch.
        width: channels of the hidden feature maps.
        modes: Fourier modes kept per axis, one number or one per axis.
        layers: number of layers.
        expansion: hidden channels of the feed-forward part, in multiples of `width`.
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
        each = modes_per_axis(modes, dimension)
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
        self, u: Float[Array, "batch *space channel"], modulate: Modulate = unmodulated
    ) -> Float[Array, "batch *space out"]:
        h = self.lift(channels_first(u, len(self.boundaries), self.in_channels))
        for i, spectral in enumerate(self.spectral):
            linear = spectral(h)
            if self.local:
                linear = linear + self.local[i](h)
            h = h + self.second[i](gelu(self.first[i](modulate(i, linear))))
        return channels_last(self.out(gelu(self.project(h))))

    def scale_output(self, factor: float) -> None:
        self.out.scale(factor)


@SOLVERS.register("factorised-fno")
@dataclasses.dataclass(frozen=True)
class FactorisedFNOConfig(SolverConfig):
    """Factorised Fourier neural operator: residual layers of a spectral convolution per axis and a perceptron.

    Attributes:
        width: hidden channels.
        modes: Fourier modes per axis.
        layers: number of layers.
        expansion: hidden channels of the feed-forward part, in multiples of `width`.
        projection: channels between the two last linear maps.
        kernel: width of the local branch; 0 leaves it out.
    """

    assumes_periodic: ClassVar[bool] = True
    divides_space: ClassVar[bool] = True
    finest_grid: ClassVar[float] = 2.0

    width: int = 20
    modes: int = 12
    layers: int = 4
    expansion: int = 2
    projection: int = 64
    kernel: int = 0

    def __post_init__(self):
        check_settings(self, width=1, modes=1, layers=1, expansion=1, projection=1, kernel=0)

    def build(self, in_channels: int, out_channels: int, domain: Domain, *, rngs: nnx.Rngs) -> FactorisedFNO:
        settings = {"boundaries": domain.boundaries} | dataclasses.asdict(self)
        return FactorisedFNO(in_channels, out_channels, **settings, rngs=rngs)

    @property
    def grid_minimum(self) -> int:
        return max(2 * self.modes, self.kernel // 2, 2)

    def warnings(self, domain: Domain) -> tuple[str, ...]:
        return unused_modes(self.modes, domain.resolution)
