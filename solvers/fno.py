"""The Fourier neural operator, in any dimension by one code path."""

from collections.abc import Callable

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from cape.solvers.layers.activation import gelu
from cape.solvers.layers.convolution import DepthwiseConvolution, Pointwise, check_boundaries, check_sizes
from cape.solvers.layers.fourier import Size, counting
from cape.solvers.layers.layout import beside, lead, trail
from cape.solvers.layers.spectral import SpectralConvolution


def unmodulated(i: int, h: Array) -> Array:
    """Leave hidden feature map i as it is: the default of every solver's `modulate`."""
    return h


def grid_coordinates(
    space: tuple[Size, ...], coordinates: tuple[tuple[float, float], ...]
) -> Float[Array, "*space axis"]:
    """Compute origin + length·i/n at point i of n; `coordinates` holds (origin, length) for each axis."""
    axes = [o + length * (counting(n) / n) for n, (o, length) in zip(space, coordinates, strict=True)]
    return jnp.stack(jnp.meshgrid(*axes, indexing="ij"), axis=-1)


class FNO(nnx.Module):
    """Map u(t) to u(t + dt) with layers of spectral convolution + pointwise map (Fourier neural operator).

    lift -> `layers` times h = gelu(K h + W h + b [+ D h]), no gelu after the last -> Linear, gelu, Linear.
    The optional local branch D, a depthwise convolution, sees what lies above the highest mode, such as
    fronts; it is `kernel` points wide on whatever grid.
    The default sees no coordinates and pads nothing: on periodic axes it commutes with shifts, and it is the
    same function on every grid that resolves its input. The spectral layers take every axis as periodic; see
    `Bounded` for those that end. The published form has width 20 to 36, coordinates=((origin, length), ...) and
    pad=2.

    Args:
        in_channels, out_channels: channels of the input and the output field.
        boundaries: "periodic" | "outgoing" | "wall" (| "zeros"), one per axis, for the local branch.
        width: channels of the hidden feature maps.
        modes: Fourier modes kept per axis, one number or one per axis.
        layers: number of spectral layers.
        projection: channels between the two last linear maps.
        coordinates: (origin, length) per axis: append the grid's coordinates to the input; None: do not.
        pad: points of zeros appended at the end of each axis between lifting and projection.
        kernel: width of the local branch, an odd number, or 0 for none.
        spread: standard deviation of the initial spectral weights, see `SpectralConvolution`.

    `hidden_channels` is (width,) * layers; `modulate(i, h)` acts on the sum of layer i before its
    nonlinearity. Raises ValueError for impossible sizes and for input of the wrong shape.
    Source: Li et al., arXiv 2010.08895.
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
        projection: int = 128,
        coordinates: tuple[tuple[float, float], ...] | None = None,
        pad: int = 0,
        kernel: int = 0,
        spread: float | None = None,
        rngs: nnx.Rngs,
    ):
        self.boundaries = check_boundaries(boundaries)
        dimension = len(self.boundaries)
        check_sizes(width=width, layers=layers, projection=projection)
        if pad < 0:
            raise ValueError(f"expected pad >= 0 points, got {pad}")
        if coordinates is not None and len(coordinates) != dimension:
            raise ValueError(
                f"expected coordinates (origin, length) for each of {dimension} axes, got {coordinates}"
            )
        self.in_channels = in_channels
        self.coordinates = None if coordinates is None else tuple(map(tuple, coordinates))
        self.pad = pad
        self.hidden_channels = (width,) * layers
        lifted = in_channels + (dimension if coordinates is not None else 0)
        self.lift = Pointwise(lifted, width, rngs=rngs)
        options = {"overwrite": False, "spread": spread}
        self.spectral = nnx.List(
            SpectralConvolution(width, width, modes, dimension=dimension, **options, rngs=rngs)
            for _ in range(layers)
        )
        self.local = nnx.List(
            DepthwiseConvolution(width, 1, kernel, boundaries=self.boundaries, rngs=rngs)
            for _ in range(layers if kernel else 0)
        )
        # beside two other branches: at full size it lends the layer too much variance
        for branch in self.local:
            branch.weight[...] = 0.5 * branch.weight[...]
        self.pointwise = nnx.List(Pointwise(width, width, rngs=rngs) for _ in range(layers))
        self.project = Pointwise(width, projection, rngs=rngs)
        self.out = Pointwise(projection, out_channels, rngs=rngs)

    def __call__(
        self,
        u: Float[Array, "batch *space channel"],
        modulate: Callable[[int, Array], Array] = unmodulated,
    ) -> Float[Array, "batch *space out"]:
        dimension = len(self.boundaries)
        h = lead(u, dimension, self.in_channels)
        space = h.shape[2:]
        if self.coordinates is not None:
            h = beside(h, jnp.moveaxis(grid_coordinates(space, self.coordinates), -1, 0))
        h = self.lift(h)
        if self.pad:
            h = jnp.pad(h, [(0, 0), (0, 0), *[(0, self.pad)] * dimension])
        last = len(self.hidden_channels) - 1
        for i, (spectral, pointwise) in enumerate(zip(self.spectral, self.pointwise, strict=True)):
            linear = spectral(h) + pointwise(h)
            if len(self.local):
                linear = linear + self.local[i](h)
            h = modulate(i, linear)
            h = gelu(h) if i < last else h
        if self.pad:
            h = h[(slice(None), slice(None), *(slice(n) for n in space))]
        return trail(self.out(gelu(self.project(h))))
