"""The U-Net in its published form: batch normalisation, tanh, and zeros beyond the domain."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
from flax import nnx
from jax import lax
from jaxtyping import Array, Float

from cape.solvers.layers.devices import device_count, mean_over_devices
from cape.solvers.layers.layout import Features, over_points
from cape.solvers.layers.unet_pyramid import Block, UNetPyramid
from cape.solvers.solver import SOLVERS, Domain, SolverConfig, check_settings


class BatchNorm(nnx.Module):
    """Normalise each channel over batch and space, with PyTorch's conventions.

    y = (u - mean) / √(var + 1e-5) · scale + bias. In training (`model.train()`), mean and biased variance are those of
    the batch, and the running ones move by r <- 0.9 r + 0.1 · (mean, UNBIASED variance). `nnx.BatchNorm` keeps the
    biased variance instead. In evaluation (`model.eval()`), the running ones are used. The layer starts in training.

    Raises:
        ValueError: in training, a batch has one value per channel.
    """

    momentum = 0.1
    epsilon = 1e-5

    def __init__(self, channels: int, *, rngs: nnx.Rngs):
        self.scale = nnx.Param(jnp.ones(channels, jnp.float32))
        self.bias = nnx.Param(jnp.zeros(channels, jnp.float32))
        self.mean = nnx.BatchStat(jnp.zeros(channels, jnp.float32))
        self.var = nnx.BatchStat(jnp.ones(channels, jnp.float32))
        self.use_running_average = False  # the name that nnx's train() and eval() set

    def __call__(self, u: Features) -> Features:
        if self.use_running_average:
            mean, var = self.mean[...], self.var[...]
        else:
            axes = tuple(range(1, u.ndim))
            count = u.size // u.shape[0] * device_count()
            if count < 2:
                raise ValueError(
                    f"expected more than one value per channel to train batch norm, got {u.shape}"
                )
            mean = mean_over_devices(u.mean(axes))
            var = mean_over_devices(jnp.square(u - over_points(mean, u.ndim)).mean(axes))
            self._move(self.mean, mean)
            self._move(self.var, var * (count / (count - 1)))
        factor = self.scale[...] * lax.rsqrt(var + self.epsilon)
        centred = u - over_points(mean, u.ndim)
        return centred * over_points(factor, u.ndim) + over_points(self.bias[...], u.ndim)

    def _move(self, running: nnx.BatchStat, value: Float[Array, " channel"]) -> None:
        running[...] = (1 - self.momentum) * running[...] + self.momentum * lax.stop_gradient(value)


class PaperUNet(UNetPyramid):
    """Map u(t) to u(t + dt) through a pyramid of grids, in the published form.

    Blocks have batch normalisation and tanh, and pad with zeros. The running statistics make training and evaluation
    differ: call `model.train()` before training and `model.eval()` before evaluation.

    Args:
        in_channels, out_channels: channels of the input and the output field.
        dimension: number of spatial axes.
        features: channels of the first level; they double at every level down.
        levels: number of halvings; every axis must be divisible by 2 ** levels.

    `hidden_channels`: encoder blocks from fine to coarse, bottleneck, decoder blocks from coarse to fine;
    `modulate(i, h)` acts after the second normalisation of block i.
    Raises ValueError for impossible sizes, input of the wrong shape or a grid that cannot be halved so often.
    Source: Ronneberger et al., arXiv 1505.04597.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dimension: int,
        features: int = 32,
        levels: int = 4,
        rngs: nnx.Rngs,
    ):
        def block(inputs: int, outputs: int) -> Block:
            zeros = ("zeros",) * dimension
            return Block(inputs, outputs, boundaries=zeros, norm=BatchNorm, activation=jnp.tanh, rngs=rngs)

        super().__init__(
            in_channels,
            out_channels,
            dimension=dimension,
            features=features,
            levels=levels,
            block=block,
            rngs=rngs,
        )


@SOLVERS.register("paper-u-net")
@dataclasses.dataclass(frozen=True)
class PaperUNetConfig(SolverConfig):
    """U-Net in its published form, with batch normalisation, tanh and zero padding.

    Attributes:
        features: channels of the first level; they double at every level down.
        levels: number of halvings of the grid.
    """

    size_setting: ClassVar[str] = "features"
    size_step: ClassVar[int] = 4
    handles_boundaries: ClassVar[bool] = True

    features: int = 32
    levels: int = 4

    def __post_init__(self):
        check_settings(self, features=1, levels=1)

    def build(self, in_channels: int, out_channels: int, domain: Domain, *, rngs: nnx.Rngs) -> PaperUNet:
        settings = {"dimension": domain.dimension} | dataclasses.asdict(self)
        return PaperUNet(in_channels, out_channels, **settings, rngs=rngs)

    @property
    def grid_multiple(self) -> int:
        return 2**self.levels

    @property
    def grid_minimum(self) -> int:
        return 2**self.levels
