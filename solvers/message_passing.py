"""Message passing between neighbouring points of a regular grid (MP-PDE), in any dimension by one code path."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from cape.solvers.fno import unmodulated
from cape.solvers.layers.activation import gelu
from cape.solvers.layers.convolution import Pointwise, check_boundaries, check_sizes, pad, shifts
from cape.solvers.layers.initialisation import torch_uniform
from cape.solvers.layers.layout import lead, over_points, trail
from cape.solvers.layers.normalisation import LayerNorm


def neighbourhood(radius: int, dimension: int) -> Float[np.ndarray, "entry axis"]:
    """List the offsets o of a (2 radius + 1)-wide window in row-major order, in radii; |o| <= 1 is the ball."""
    return np.stack(list(np.ndindex(*(2 * radius + 1,) * dimension))) / radius - 1.0


class MessageLayer(nnx.Module):
    """Send messages to every point from its neighbours, and add to its features what they say together.

        m_i = mean_j gelu(A h_i + B h_j + C (u_i - u_j) + D (x_i - x_j)),   h_i <- h_i + V gelu(S h_i + T m_i)

    with features normalised on the way in; S h_i + T m_i passes `modulate`. Message and update are
    perceptrons of one hidden layer: as the mean is linear, the last matrix of the one is merged into the first of
    the other, and A, B and C act once on every point, not once on every pair.
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

    def __call__(self, h: Array, u: Array, i: int, modulate: Callable[[int, Array], Array]) -> Array:
        normal = self.norm(h)
        heard = jnp.concatenate([normal, self._messages(normal, self.difference(u))])
        return h + self.last(gelu(modulate(i, self.update(heard))))

    def _messages(self, h: Array, cu: Array) -> Array:
        """Compute the mean message from the points within the radius, beyond the domain as its boundaries say."""
        dimension = h.ndim - 2
        here = self.receiver(h) + cu
        there = pad(self.sender(h) - cu, (self.radius,) * dimension, self.boundaries)
        offsets = neighbourhood(self.radius, dimension)
        distances = np.linalg.norm(offsets, axis=-1)
        near = np.flatnonzero((distances > 0) & (distances < 1 + 1e-6))
        steps = jnp.asarray(-offsets, h.dtype) @ self.direction[...]  # D (x_i - x_j), in radii
        views = shifts(there, (2 * self.radius + 1,) * dimension)
        messages = [gelu(here + views[j] + over_points(steps[j], h.ndim)) for j in near]
        return sum(messages[1:], messages[0]) / len(near)


class MessagePassing(nnx.Module):
    """Map u(t) to u(t + dt) by `layers` rounds of messages between points within a radius (MP-PDE).

    encode every point: Linear, gelu, Linear -> `layers` times `MessageLayer` -> Linear, gelu, Linear. As a finite
    difference scheme it sees differences u_i - u_j to its neighbours, on axes that end as the boundary continues
    them; information travels radius · layers points a step. The radius counts points: like a stencil, the
    solver belongs to the grid spacing it was trained on. Instead of instance normalisation features are
    normalised point by point, so that no statistic ties a point to the whole domain; one step is predicted
    from one frame (no temporal bundling), and parameters come in by `modulate` or as channels.

    Args:
        in_channels, out_channels: channels of the input and the output field.
        boundaries: "periodic" | "outgoing" | "wall" (| "zeros"), one per axis.
        width: channels of the features.
        layers: rounds of messages.
        radius: reach of a message in points; neighbours are the points of the ball.

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
        self,
        u: Float[Array, "batch *space channel"],
        modulate: Callable[[int, Array], Array] = unmodulated,
    ) -> Float[Array, "batch *space out"]:
        field = lead(u, len(self.boundaries), self.in_channels)
        first, second = self.encoder
        h = second(gelu(first(field)))
        for i, layer in enumerate(self.messages):
            h = layer(h, field, i, modulate)
        return trail(self.out(gelu(self.project(h))))
