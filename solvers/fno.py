"""The Fourier neural operator, in any dimension by one code path."""

import dataclasses
from collections.abc import Callable
from typing import ClassVar

from flax import nnx
from jaxtyping import Array, Float

from cape.solvers.layers.activation import gelu
from cape.solvers.layers.boundaries import check_boundaries
from cape.solvers.layers.convolution import DepthwiseConvolution, Pointwise, check_sizes
from cape.solvers.layers.fourier_layers import apply_fourier_layers
from cape.solvers.layers.layout import Features, channels_first, channels_last
from cape.solvers.layers.spectral import SpectralConvolution, unused_modes
from cape.solvers.solver import SOLVERS, Domain, Modulate, SolverConfig, check_settings, unmodulated


class FNO(nnx.Module):
    """Map u(t) to u(t + dt) with layers of spectral convolution + pointwise map (Fourier neural operator).

    lift -> `layers` times h = gelu(K h + W h + b [+ D h]), no gelu after the last -> Linear, gelu, Linear.
    The optional local branch D is a depthwise convolution, `kernel` points wide on every grid. It resolves what lies
    above the highest mode, such as fronts.
    The solver sees no coordinates and pads nothing. On periodic axes it commutes with shifts, and it is the same
    function on every grid that resolves its input. The spectral layers take every axis as periodic; `Bounded` extends
    the other axes.

    Args:
        in_channels, out_channels: channels of the input and the output field.
        boundaries: "periodic", "outgoing" or "wall", one per axis, for the local branch.
        width: channels of the hidden feature maps.
        modes: Fourier modes kept per axis, one number or one per axis.
        layers: number of spectral layers.
        projection: channels between the two last linear maps.
        kernel: width of the local branch, an odd number, or 0 for none.
        std: standard deviation of the initial spectral weights, see `SpectralConvolution`.

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
        kernel: int = 0,
        std: float | None = None,
        rngs: nnx.Rngs,
    ):
        self.boundaries = check_boundaries(boundaries)
        dimension = len(self.boundaries)
        check_sizes(width=width, layers=layers, projection=projection)
        self.in_channels = in_channels
        self.hidden_channels = (width,) * layers
        self.lift = Pointwise(in_channels, width, rngs=rngs)
        self.spectral = nnx.List(
            SpectralConvolution(width, width, modes, dimension=dimension, std=std, rngs=rngs)
            for _ in range(layers)
        )
        self.local = nnx.List(
            DepthwiseConvolution(width, 1, kernel, boundaries=self.boundaries, rngs=rngs)
            for _ in range(layers if kernel else 0)
        )
        # at full size, the third branch would add too much variance to the layer
        for branch in self.local:
            branch.weight[...] = 0.5 * branch.weight[...]
        self.pointwise = nnx.List(Pointwise(width, width, rngs=rngs) for _ in range(layers))
        self.project = Pointwise(width, projection, rngs=rngs)
        self.out = Pointwise(projection, out_channels, rngs=rngs)

    def __call__(
        self, u: Float[Array, "batch *space channel"], modulate: Modulate = unmodulated
    ) -> Float[Array, "batch *space out"]:
        h = self.lift(channels_first(u, len(self.boundaries), self.in_channels))
        maps = [self._linear(i) for i in range(len(self.hidden_channels))]
        h = apply_fourier_layers(h, maps, modulate)
        return channels_last(self.out(gelu(self.project(h))))

    def scale_output(self, factor: float) -> None:
        self.out.scale(factor)

    def _linear(self, i: int) -> Callable[[Features], Features]:
        """Return the linear map of layer i, the sum of its branches."""

        def linear(h: Features) -> Features:
            y = self.spectral[i](h) + self.pointwise[i](h)
            return y + self.local[i](h) if self.local else y

        return linear


@SOLVERS.register("fno")
@dataclasses.dataclass(frozen=True)
class FNOConfig(SolverConfig):
    """Fourier neural operator; with a `kernel`, a local (depthwise) branch in every layer.

    Attributes:
        width: hidden channels.
        modes: Fourier modes per axis.
        layers: number of layers.
        projection: channels between the two last linear maps.
        kernel: width of the local branch; 0 leaves it out.
    """

    assumes_periodic: ClassVar[bool] = True
    divides_space: ClassVar[bool] = True
    finest_grid: ClassVar[float] = 2.0

    width: int = 20
    modes: int = 12
    layers: int = 4
    projection: int = 64
    kernel: int = 0

    def __post_init__(self):
        check_settings(self, width=1, modes=1, layers=1, projection=1, kernel=0)

    def build(self, in_channels: int, out_channels: int, domain: Domain, *, rngs: nnx.Rngs) -> FNO:
        std = 0.35 * self.width**-0.5  # keeps the variance of a layer's output near that of its input
        settings = {"boundaries": domain.boundaries, "std": std} | dataclasses.asdict(self)
        return FNO(in_channels, out_channels, **settings, rngs=rngs)

    @property
    def grid_minimum(self) -> int:
        return max(2 * self.modes, self.kernel // 2, 2)

    def warnings(self, domain: Domain) -> tuple[str, ...]:
        return unused_modes(self.modes, domain.resolution)
