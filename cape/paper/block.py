"""The CAPE block in its published form, which makes a first guess of the next frame."""

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from cape.model.attention import over_space
from cape.paper.spectral import POOL, PooledSpectralConvolution
from cape.solvers.layers.activation import gelu
from cape.solvers.layers.convolution import Convolution, DepthwiseConvolution, Pointwise
from cape.solvers.layers.layout import channels_first, channels_last

_EPSILON = 1e-5


def saturating(p: Float[Array, "batch parameter"]) -> Float[Array, "batch parameter"]:
    """Return sigmoid(log p) = p / (1 + p)."""
    return p / (1.0 + p)


class CAPEBlock(nnx.Module):
    """Compute a first guess u' of the next frame from three branches, each scaled by an attention vector.

        y = gelu(conv_k(u));   z = a_s ∘ S(y) + a_1 ∘ P(y) + a_d ∘ D(y) + Q(y);   r = LN(conv(gelu(z)))
        u' = u + r in 1D,   u' = u (1 + r) in 2D and 3D

    S: average-pool by 4, spectral convolution, nearest-neighbour upsampling by 4; P, Q: pointwise with bias;
    D: depthwise with multiplier 2. Every convolution pads with zeros, whatever the boundary. LN normalises over
    the spatial axes with one weight and one offset per grid point, which ties the block to its resolution.
    The parameters are embedded as p in 1D and as p/(1+p) in 2D and 3D.

    Args:
        parameters: number of PDE parameters.
        channels, out_channels: channels of u and of u'; u is repeated blockwise where they differ.
        resolution: grid points per axis.
        widening: channels W of the branches.
        kernel: width k of the convolutions.
        modes: modes per axis of the spectral branch; None stands for 16 in 1D and 9 in 2D and 3D.
        pointwise_output: the last convolution is 1x1 with bias (published) or k-wide without bias.

    Raises:
        ValueError: an axis does not have a multiple of 4 points, or u is on another grid than `resolution`.

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
        if any(n % POOL for n in resolution):
            raise ValueError(f"expected a resolution divisible by {POOL} on every axis, got {resolution}")
        modes = modes or (16 if dimension == 1 else 9)
        outputs, half, zeros = out_channels or channels, widening // 2, ("zeros",) * dimension
        self.resolution = tuple(resolution)
        self.copies = outputs // channels
        self.first = Convolution(channels, half, kernel, boundaries=zeros, bias=False, rngs=rngs)
        self.attention = nnx.List(
            nnx.List([Pointwise(parameters, half, rngs=rngs), Pointwise(half, widening, rngs=rngs)])
            for _ in range(3)
        )
        self.spectral = PooledSpectralConvolution(half, widening, modes, dimension=dimension, rngs=rngs)
        self.pointwise = Pointwise(half, widening, rngs=rngs)
        self.depthwise = DepthwiseConvolution(half, 2, kernel, boundaries=zeros, rngs=rngs)
        self.unattended = Pointwise(half, widening, rngs=rngs)
        if pointwise_output:
            self.last: nnx.Module = Pointwise(widening, outputs, rngs=rngs)
        else:
            self.last = Convolution(widening, outputs, kernel, boundaries=zeros, bias=False, rngs=rngs)
        self.norm_weight = nnx.Param(jnp.ones(resolution, jnp.float32))
        self.norm_bias = nnx.Param(jnp.zeros(resolution, jnp.float32))

    def vectors(self, p: Float[Array, "batch parameter"]) -> tuple[Float[Array, "batch wide"], ...]:
        """Compute the attention vectors a_s, a_1, a_d, each [batch, W]."""
        embedded = (p if len(self.resolution) == 1 else saturating(p)).T
        return tuple(second(gelu(first(embedded))).T for first, second in self.attention)

    def __call__(
        self, u: Float[Array, "batch *space channel"], vectors: tuple[Float[Array, "batch wide"], ...]
    ) -> Float[Array, "batch *space out"]:
        if u.shape[1:-1] != self.resolution:
            raise ValueError(
                f"the published CAPE block is tied to its resolution {self.resolution}, got {u.shape[1:-1]}; "
                "the default form is not"
            )
        h = channels_first(u, len(self.resolution), u.shape[-1])
        axes = tuple(range(2, h.ndim))
        spectral, pointwise, depthwise = (over_space(a, h.ndim) for a in vectors)
        y = gelu(self.first(h))
        z = self.spectral(y) * spectral + self.pointwise(y) * pointwise
        z = z + self.depthwise(y) * depthwise + self.unattended(y)
        r = self.last(gelu(z))
        r = (r - r.mean(axes, keepdims=True)) / jnp.sqrt(r.var(axes, keepdims=True) + _EPSILON)
        r = r * self.norm_weight[...][None, None] + self.norm_bias[...][None, None]
        h = jnp.concatenate([h] * self.copies)
        return channels_last(h + r if len(self.resolution) == 1 else h * (1.0 + r))
