"""Channel attention: vectors computed from the parameters that scale feature maps channel by channel."""

from collections.abc import Callable

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from cape.model.embedding import EMBEDDINGS, identity, saturating
from cape.problem import Problem
from cape.solvers.layers.activation import gelu
from cape.solvers.layers.convolution import Convolution, DepthwiseConvolution, Pointwise
from cape.solvers.layers.layout import Features, lead, trail
from cape.solvers.layers.spectral import SpectralConvolution

_POOL = 4
_EPSILON = 1e-5


class ChannelAttention(nnx.Module):
    """Compute a gain and an offset for every hidden channel of a solver from the parameters.

    (g, o) = W₂ gelu(W₁ log p), every log p scaled to its trained range (`logarithmic`), and the hidden map h becomes
    (1 + g) h + o. Of p itself it sees nothing: three times the largest trained value would be far from all that a
    perceptron knows, while its logarithm is near. W₂ starts at `scale` times its usual size with no bias, so that
    training starts close to the unconditioned solver.

    Args:
        problem: the trained range of the parameters.
        hidden_channels: channels of each modulated feature map (a solver's attribute of that name).
        width: hidden units of the perceptron.
        embedding: what it is told in the place of log p, a name in `EMBEDDINGS`.
    """

    def __init__(
        self,
        problem: Problem,
        hidden_channels: tuple[int, ...],
        *,
        width: int,
        embedding: str = "logarithm",
        scale: float = 0.3,
        rngs: nnx.Rngs,
    ):
        self.low, self.high, self.hidden_channels = problem.low, problem.high, tuple(hidden_channels)
        if embedding not in EMBEDDINGS:
            raise ValueError(f"embedding: expected one of {', '.join(EMBEDDINGS)}, got {embedding!r}")
        self.embed, features = EMBEDDINGS[embedding]
        self.first = Pointwise(features * len(problem.parameters), width, rngs=rngs)
        self.second = Pointwise(width, 2 * sum(hidden_channels), rngs=rngs)
        self.second.weight[...] = scale * self.second.weight[...]
        self.second.bias[...] = jnp.zeros_like(self.second.bias[...])

    def vectors(self, p: Float[Array, "batch parameter"]) -> tuple[Float[Array, "batch two_channels"], ...]:
        """Compute gains and offsets, side by side, of every feature map: `[batch, 2 * channels]` each."""
        both = self.second(gelu(self.first(self.embed(p, self.low, self.high).T))).T
        ends = [2 * sum(self.hidden_channels[: i + 1]) for i in range(len(self.hidden_channels) - 1)]
        return tuple(jnp.split(both, ends, axis=-1))


def modulation(vectors: tuple[Float[Array, "batch two_channels"], ...]) -> Callable[[int, Array], Array]:
    """Make the `modulate(i, h)` of a base solver from the vectors of `ChannelAttention`."""

    def modulate(i: int, h: Features) -> Features:
        gain, offset = jnp.split(_over_space(vectors[i], h.ndim), 2)
        return h * (1.0 + gain) + offset

    return modulate


class CAPEBlock(nnx.Module):
    """The published CAPE block: three branches of one feature map, each scaled by its own attention vector.

        y = gelu(conv_k(u));   z = a_s ∘ S(y) + a_1 ∘ P(y) + a_d ∘ D(y) + Q(y);   r = LN(conv(gelu(z)))
        u' = u + r in 1D,   u' = u (1 + r) in 2D and 3D

    S: average-pool by 4, spectral convolution, nearest-neighbour upsampling by 4; P, Q: pointwise with bias;
    D: depthwise with multiplier 2; every convolution pads with zeros whatever the boundary. LN normalises over
    the spatial axes with one weight and one offset per grid point, which ties the block to its resolution.

    Args:
        parameters: number of PDE parameters.
        channels, out_channels: channels of u and of u'; u is repeated blockwise where they differ.
        resolution: grid points per axis.
        widening: channels W of the branches.
        kernel: width k of the convolutions.
        modes: modes per axis of the spectral branch.
        pointwise_output: the last convolution is 1x1 with bias (published) or k-wide without bias.

    Source: Takamoto et al., ICML 2023, section 4.
    """

    def __init__(
        self,
        parameters: int,
        channels: int,
        resolution: tuple[int, ...],
        *,
        out_channels: int | None = None,
        widening: int = 64,
        kernel: int = 5,
        modes: int | None = None,
        pointwise_output: bool = True,
        rngs: nnx.Rngs,
    ):
        dimension = len(resolution)
        if any(n % _POOL for n in resolution):
            raise ValueError(f"expected a resolution divisible by {_POOL} on every axis, got {resolution}")
        modes = modes or (16 if dimension == 1 else 9)
        half, zeros = widening // 2, ("zeros",) * dimension
        self.resolution, self.embed = tuple(resolution), identity if dimension == 1 else saturating
        self.copies = (out_channels or channels) // channels
        self.first = Convolution(channels, half, kernel, boundaries=zeros, bias=False, rngs=rngs)
        self.attention = nnx.List(
            nnx.List([Pointwise(parameters, half, rngs=rngs), Pointwise(half, widening, rngs=rngs)])
            for _ in range(3)
        )
        self.spectral = SpectralConvolution(half, widening, modes, dimension=dimension, pool=_POOL, rngs=rngs)
        self.pointwise = Pointwise(half, widening, rngs=rngs)
        self.depthwise = DepthwiseConvolution(half, 2, kernel, boundaries=zeros, rngs=rngs)
        self.unattended = Pointwise(half, widening, rngs=rngs)
        outputs = out_channels or channels
        if pointwise_output:
            self.last: nnx.Module = Pointwise(widening, outputs, rngs=rngs)
        else:
            self.last = Convolution(widening, outputs, kernel, boundaries=zeros, bias=False, rngs=rngs)
        self.norm_weight = nnx.Param(jnp.ones(resolution))
        self.norm_bias = nnx.Param(jnp.zeros(resolution))

    def vectors(self, p: Float[Array, "batch parameter"]) -> tuple[Float[Array, "batch wide"], ...]:
        """Compute the attention vectors a_s, a_1, a_d, each [batch, W]."""
        embedded = self.embed(p).T
        return tuple(second(gelu(first(embedded))).T for first, second in self.attention)

    def __call__(
        self, u: Float[Array, "batch *space channel"], vectors: tuple[Float[Array, "batch wide"], ...]
    ) -> Float[Array, "batch *space out"]:
        if u.shape[1:-1] != self.resolution:
            raise ValueError(
                f"the published CAPE block is tied to its resolution {self.resolution}, got {u.shape[1:-1]}; "
                "the default form is not"
            )
        h = lead(u, len(self.resolution), u.shape[-1])
        axes = tuple(range(2, h.ndim))
        spectral, pointwise, depthwise = (_over_space(a, h.ndim) for a in vectors)
        y = gelu(self.first(h))
        z = self.spectral(y) * spectral + self.pointwise(y) * pointwise
        z = z + self.depthwise(y) * depthwise + self.unattended(y)
        r = self.last(gelu(z))
        r = (r - r.mean(axes, keepdims=True)) / jnp.sqrt(r.var(axes, keepdims=True) + _EPSILON)
        r = r * self.norm_weight[...][None, None] + self.norm_bias[...][None, None]
        h = jnp.concatenate([h] * self.copies)
        return trail(h + r if len(self.resolution) == 1 else h * (1.0 + r))


def _over_space(vector: Float[Array, "batch channel"], ndim: int) -> Array:
    return vector.T.reshape(*reversed(vector.shape), *(1,) * (ndim - 2))
