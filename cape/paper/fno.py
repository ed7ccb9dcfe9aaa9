"""The Fourier neural operator in its published form: with coordinates, and zeros at the end of each axis."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from cape.solvers.layers.activation import gelu
from cape.solvers.layers.convolution import Pointwise, check_sizes
from cape.solvers.layers.fourier import Size, counting
from cape.solvers.layers.fourier_layers import apply_fourier_layers
from cape.solvers.layers.layout import append_channels, channels_first, channels_last
from cape.solvers.layers.spectral import SpectralConvolution, unused_modes
from cape.solvers.solver import SOLVERS, Domain, Modulate, SolverConfig, check_settings, unmodulated


def grid_coordinates(
    space: tuple[Size, ...], coordinates: tuple[tuple[float, float], ...]
) -> Float[Array, "axis *space"]:
    """Compute origin + length·i/n at point i of n; `coordinates` holds (origin, length) for each axis."""
    axes = [o + length * (counting(n) / n) for n, (o, length) in zip(space, coordinates, strict=True)]
    return jnp.stack(jnp.meshgrid(*(jnp.asarray(axis, jnp.float32) for axis in axes), indexing="ij"))


class PaperFNO(nnx.Module):
    """Map u(t) to u(t + dt) with layers of spectral convolution + pointwise map, in the published form.

    append the coordinates -> Linear -> append `pad` zeros at the end of each axis -> `layers` times
    h = gelu(K h + W h + b), no gelu after the last -> crop -> Linear, gelu, Linear.
    Coordinates and zeros break the equivariance under shifts that `FNO` has.

    Args:
        in_channels, out_channels: channels of the input and the output field.
        coordinates: (origin, length) of each axis.
        width: channels of the hidden feature maps.
        modes: Fourier modes kept per axis.
        layers: number of spectral layers.
        projection: channels between the two last linear maps.
        pad: points of zeros at the end of each axis between lifting and projection.

    `hidden_channels` is (width,) * layers; `modulate(i, h)` acts on the sum of layer i before its
    nonlinearity. Raises ValueError for impossible sizes and for input of the wrong shape.
    Source: Li et al., arXiv 2010.08895.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        coordinates: tuple[tuple[float, float], ...],
        width: int = 20,
        modes: int = 12,
        layers: int = 4,
        projection: int = 128,
        pad: int = 2,
        rngs: nnx.Rngs,
    ):
        check_sizes(width=width, layers=layers, projection=projection)
        if pad < 0:
            raise ValueError(f"expected pad >= 0 points, got {pad}")
        dimension = len(coordinates)
        self.in_channels, self.coordinates, self.pad = in_channels, coordinates, pad
        self.hidden_channels = (width,) * layers
        self.lift = Pointwise(in_channels + dimension, width, rngs=rngs)
        self.spectral = nnx.List(
            SpectralConvolution(width, width, modes, dimension=dimension, rngs=rngs) for _ in range(layers)
        )
        self.pointwise = nnx.List(Pointwise(width, width, rngs=rngs) for _ in range(layers))
        self.project = Pointwise(width, projection, rngs=rngs)
        self.out = Pointwise(projection, out_channels, rngs=rngs)

    def __call__(
        self, u: Float[Array, "batch *space channel"], modulate: Modulate = unmodulated
    ) -> Float[Array, "batch *space out"]:
        dimension = len(self.coordinates)
        h = channels_first(u, dimension, self.in_channels)
        space = h.shape[2:]
        h = self.lift(append_channels(h, grid_coordinates(space, self.coordinates)))
        h = jnp.pad(h, [(0, 0), (0, 0), *[(0, self.pad)] * dimension])
        maps = [
            lambda h, spectral=spectral, pointwise=pointwise: spectral(h) + pointwise(h)
            for spectral, pointwise in zip(self.spectral, self.pointwise, strict=True)
        ]
        h = apply_fourier_layers(h, maps, modulate)
        h = h[(slice(None), slice(None), *(slice(n) for n in space))]
        return channels_last(self.out(gelu(self.project(h))))

    def scale_output(self, factor: float) -> None:
        self.out.scale(factor)


@SOLVERS.register("paper-fno")
@dataclasses.dataclass(frozen=True)
class PaperFNOConfig(SolverConfig):
    """Fourier neural operator in its published form, with grid coordinates and zeros at the end of each axis.

    Attributes:
        width: hidden channels.
        modes: Fourier modes per axis.
        layers: number of layers.
        projection: channels between the two last linear maps.
        pad: points of zeros at the end of each axis.
    """

    handles_boundaries: ClassVar[bool] = True
    sees_position: ClassVar[bool] = True
    finest_grid: ClassVar[float] = 2.0

    width: int = 20
    modes: int = 12
    layers: int = 4
    projection: int = 128
    pad: int = 2

    def __post_init__(self):
        check_settings(self, width=1, modes=1, layers=1, projection=1, pad=0)

    def build(self, in_channels: int, out_channels: int, domain: Domain, *, rngs: nnx.Rngs) -> PaperFNO:
        coordinates = tuple(zip(domain.origin, domain.length, strict=True))
        settings = {"coordinates": coordinates} | dataclasses.asdict(self)
        return PaperFNO(in_channels, out_channels, **settings, rngs=rngs)

    @property
    def grid_minimum(self) -> int:
        return max(2 * self.modes, 2)

    def warnings(self, domain: Domain) -> tuple[str, ...]:
        return unused_modes(self.modes, domain.resolution)
