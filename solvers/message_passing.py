"""Message passing between neighbouring points of a regular grid (MP-PDE), in any dimension by one code path."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from cape.solvers.layers.activation import gelu
from cape.solvers.layers.boundaries import check_boundaries, pad
from cape.solvers.layers.convolution import Pointwise, check_sizes, shifts
from cape.solvers.layers.initialisation import torch_uniform
from cape.solvers.layers.layout import Features, channels_first, channels_last, over_points
from cape.solvers.layers.normalisation import LayerNorm
from cape.solvers.solver import SOLVERS, Domain, Modulate, SolverConfig, check_settings, unmodulated


def neighbourhood(radius: int, dimension: int) -> Float[np.ndarray, "entry axis"]:
    """List the offsets o of a (2 radius + 1)-wide window in row-major order, in units of the radius.

    The points with |o| <= 1 are those of the ball.
    """
    return np.stack(list(np.ndindex(*(2 * radius + 1,) * dimension))) / radius - 1.0


class MessageLayer(nnx.Module):
    """Update the features of every point by the mean of the messages from its neighbours.

        m_i = mean_j gelu(A h_i + B h_j + C (u_i - u_j) + D (x_i - x_j)),   h_i <- h_i + V gelu(S h_i + T m_i)

    Here h is normalised first, and `modulate` acts on S h_i + T m_i. Message and update are perceptrons of one hidden
    layer. The mean is linear, so the last matrix of the message is merged into the first of the update. A, B and C act
    once on every point and not once on every pair.
    """

    def __init__(
        self, channels: int, width: int, *, radius: int, boundaries: tuple[str, ...], rngs: nnx.Rngs
    ):
        self.boundaries, self.radius = boundaries, radius
        self.norm = LayerNorm(width, rngs=rngs)
        self.receiver = Pointwise(width, width, rngs=rngs)
        self.sender = Pointwise(width, width, bias=False, rngs=rngs)
        self.difference = Pointwise(channels, width, bias=False, rngs=rngs)
        self.direction = torch_uniform(rngs, (len(boundaries), width), len(boundaries))
        self.update = Pointwise(2 * width, width, rngs=rngs)
        self.last = Pointwise(width, width, rngs=rngs)

    def __call__(
        self, h: Features, u: Float[Array, "field batch *space"], i: int, modulate: Modulate
    ) -> Features:
        normal = self.norm(h)
        received = jnp.concatenate([normal, self._messages(normal, self.difference(u))])
        return h + self.last(gelu(modulate(i, self.update(received))))

    def _messages(self, h: Features, cu: Features) -> Features:
        """Compute the mean message from the points within the radius; the boundaries continue h beyond the domain."""
        dimension = h.ndim - 2
        here = self.receiver(h) + cu
        there = pad(self.sender(h) - cu, (self.radius,) * dimension, self.boundaries)
        offsets = neighbourhood(self.radius, dimension)
        distances = np.linalg.norm(offsets, axis=-1)
        near = np.flatnonzero((distances > 0) & (distances < 1 + 1e-6))
        steps = (
            jnp.asarray(-offsets, h.dtype) @ self.direction[...]
        )  # D (x_i - x_j), with x in units of the radius
        views = shifts(there, (2 * self.radius + 1,) * dimension)
        messages = [gelu(here + views[j] + over_points(steps[j], h.ndim)) for j in near]
        return sum(messages[1:], messages[0]) / len(near)


class MessagePassing(nnx.Module):
    """Map u(t) to u(t + dt) by `layers` rounds of messages between points within a radius (MP-PDE).

    encode every point: Linear, gelu, Linear -> `layers` times `MessageLayer` -> Linear, gelu, Linear. Like a finite
    difference scheme, it uses differences u_i - u_j to neighbours; the boundaries continue u beyond the domain.
    Information travels radius · layers points in a step. The radius counts points, so the solver depends on the grid
    spacing of its training, like a stencil.
    It differs from the source in three ways. Features are normalised at each point, instead of over the whole domain.
    One step is predicted from one frame, without temporal bundling. Parameters enter through `modulate` or as channels.

    Args:
        in_channels, out_channels: channels of the input and the output field.
        boundaries: "periodic", "outgoing" or "wall", one per axis.
        width: channels of the features.
        layers: rounds of messages.
        radius: largest distance of a message, in points; the neighbours are the points of the ball.

    `hidden_channels` is (width,) * layers; `modulate(i, h)` acts before the nonlinearity of the update.
    Raises ValueError for impossible sizes and for input of the wrong shape.
    Source: Brandstetter, Worrall, Welling, ICLR 2022, arXiv 2202.03376, equations 8 and 9.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        boundaries: tuple[str, ...],
        width: int = 48,
        layers: int = 6,
        radius: int = 3,
        rngs: nnx.Rngs,
    ):
        self.boundaries = check_boundaries(boundaries)
        check_sizes(width=width, layers=layers, radius=radius)
        self.in_channels = in_channels
        self.hidden_channels = (width,) * layers
        self.encoder = nnx.List([Pointwise(n, width, rngs=rngs) for n in (in_channels, width)])
        self.messages = nnx.List(
            MessageLayer(in_channels, width, radius=radius, boundaries=self.boundaries, rngs=rngs)
            for _ in range(layers)
        )
        self.project = Pointwise(width, width, rngs=rngs)
        self.out = Pointwise(width, out_channels, rngs=rngs)

    def __call__(
        self, u: Float[Array, "batch *space channel"], modulate: Modulate = unmodulated
    ) -> Float[Array, "batch *space out"]:
        field = channels_first(u, len(self.boundaries), self.in_channels)
        first, second = self.encoder
        h = second(gelu(first(field)))
        for i, layer in enumerate(self.messages):
            h = layer(h, field, i, modulate)
        return channels_last(self.out(gelu(self.project(h))))

    def scale_output(self, factor: float) -> None:
        self.out.scale(factor)


@SOLVERS.register("message-passing")
@dataclasses.dataclass(frozen=True)
class MessagePassingConfig(SolverConfig):
    """Message passing between neighbouring points (MP-PDE).

    Attributes:
        width: channels of the features.
        layers: rounds of messages.
        radius: largest distance of a message, in points.
    """

    divides_space: ClassVar[bool] = True

    width: int = 48
    layers: int = 6
    radius: int = 3

    def __post_init__(self):
        check_settings(self, width=1, layers=1, radius=1)

    def build(self, in_channels: int, out_channels: int, domain: Domain, *, rngs: nnx.Rngs) -> MessagePassing:
        settings = {"boundaries": domain.boundaries} | dataclasses.asdict(self)
        return MessagePassing(in_channels, out_channels, **settings, rngs=rngs)

    @property
    def grid_minimum(self) -> int:
        return max(self.radius, 2)
