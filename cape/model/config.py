"""Architectures as data: which base solver, which conditioning, of which size."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from flax import nnx

from cape.model.conditioning import CAPE, AdaGN, BuildBase, FiLM, PaperCAPE, ParameterChannels, Unconditioned
from cape.model.embedding import EmbeddingName
from cape.model.normalisation import SampleNormalisation
from cape.problem import Problem
from cape.solvers.bounded import Bounded
from cape.solvers.convnext_unet import ConvNextUNet as ConvNextUNetSolver
from cape.solvers.factorised_fno import FactorisedFNO as FactorisedFNOSolver
from cape.solvers.fno import FNO as FNOSolver
from cape.solvers.message_passing import MessagePassing as MessagePassingSolver
from cape.solvers.position_channels import Placed
from cape.solvers.unet import UNet as UNetSolver
from cape.window import Window


def _at_least(config: Any, **lowest: int) -> None:
    """Raise ValueError where a setting of a configuration is below the lowest number that makes sense."""
    for name, low in lowest.items():
        if getattr(config, name) < low:
            kind = type(config).__name__
            raise ValueError(f"{kind}.{name}: expected at least {low}, got {getattr(config, name)}")


def _with_boundaries(
    problem: Problem, solver: type, rngs: nnx.Rngs, *, extend: bool = False, **settings: Any
) -> BuildBase:
    """Make the builder of a solver of our own form, in `Bounded` where the problem is not periodic everywhere."""
    build = partial(solver, boundaries=problem.boundaries, **settings, rngs=rngs)
    if all(kind == "periodic" for kind in problem.boundaries):
        return build
    return lambda inputs, outputs: Bounded(
        inputs, boundaries=problem.boundaries, extend=extend, build=lambda more: build(more, outputs)
    )


def _published(problem: Problem, solver: type, rngs: nnx.Rngs, **settings: Any) -> BuildBase:
    """Make the builder of a solver in its published form: it pads every domain with zeros."""
    return partial(solver, boundaries=("zeros",) * problem.dimension, **settings, rngs=rngs)


def _placed(problem: Problem, build_base: BuildBase) -> BuildBase:
    """Make the builder of a solver that is shown the place on periodic axes."""
    return lambda inputs, outputs: Placed(
        inputs, boundaries=problem.boundaries, build=lambda more: build_base(more, outputs)
    )


@dataclasses.dataclass(frozen=True)
class FNO:
    """Fourier neural operator; with a `kernel`, a local (depthwise) branch in every layer.

    Attributes:
        width: hidden channels.
        modes: Fourier modes per axis.
        layers: number of layers.
        projection: channels between the two last linear maps.
        kernel: width of the local branch; 0 leaves it out.
    """

    width: int = 20
    modes: int = 12
    layers: int = 4
    projection: int = 64
    kernel: int = 0

    def __post_init__(self):
        _at_least(self, width=1, modes=1, layers=1, projection=1, kernel=0)

    def build(self, problem: Problem, rngs: nnx.Rngs) -> BuildBase:
        spread = 0.35 * self.width**-0.5  # keeps the variance of a layer's output near that of its input
        settings = dataclasses.asdict(self) | {"spread": spread}
        return _with_boundaries(problem, FNOSolver, rngs, extend=True, **settings)


@dataclasses.dataclass(frozen=True)
class FactorisedFNO:
    """Factorised Fourier neural operator: a spectral convolution per axis, feed-forward, residual.

    Attributes:
        width: hidden channels.
        modes: Fourier modes per axis.
        layers: number of layers.
        expansion: hidden channels of the feed-forward part, in widths.
        projection: channels between the two last linear maps.
        kernel: width of the local branch; 0 leaves it out.
    """

    width: int = 20
    modes: int = 12
    layers: int = 4
    expansion: int = 2
    projection: int = 64
    kernel: int = 0

    def __post_init__(self):
        _at_least(self, width=1, modes=1, layers=1, expansion=1, projection=1, kernel=0)

    def build(self, problem: Problem, rngs: nnx.Rngs) -> BuildBase:
        return _with_boundaries(problem, FactorisedFNOSolver, rngs, extend=True, **dataclasses.asdict(self))


@dataclasses.dataclass(frozen=True)
class PaperFNO:
    """Fourier neural operator in its published form: with grid coordinates, padded by 2 points."""

    width: int = 20
    modes: int = 12
    layers: int = 4
    projection: int = 128
    pad: int = 2

    def __post_init__(self):
        _at_least(self, width=1, modes=1, layers=1, projection=1, pad=0)

    def build(self, problem: Problem, rngs: nnx.Rngs) -> BuildBase:
        coordinates = tuple(zip(problem.origin, problem.length, strict=True))
        return _published(problem, FNOSolver, rngs, **dataclasses.asdict(self), coordinates=coordinates)


@dataclasses.dataclass(frozen=True)
class UNet:
    """U-Net with group normalisation, gelu and padding by boundary kind."""

    features: int = 16
    levels: int = 3

    def __post_init__(self):
        _at_least(self, features=1, levels=1)

    def build(self, problem: Problem, rngs: nnx.Rngs) -> BuildBase:
        form = {"normalization": "group", "activation": "gelu"}
        return _with_boundaries(problem, UNetSolver, rngs, **dataclasses.asdict(self), **form)


@dataclasses.dataclass(frozen=True)
class ConvNextUNet:
    """U-Net of ConvNeXt blocks: wide depthwise convolution, normalisation by point, pointwise perceptron.

    Attributes:
        features: channels of the first level; they double at every level down.
        levels: number of halvings of the grid.
        kernel: width of the depthwise convolutions (3 keeps 3D affordable).
        expansion: hidden channels of the pointwise perceptrons, in widths.
    """

    features: int = 16
    levels: int = 3
    kernel: int = 7
    expansion: int = 4

    def __post_init__(self):
        _at_least(self, features=1, levels=1, kernel=1, expansion=1)

    def build(self, problem: Problem, rngs: nnx.Rngs) -> BuildBase:
        return _with_boundaries(problem, ConvNextUNetSolver, rngs, **dataclasses.asdict(self))


@dataclasses.dataclass(frozen=True)
class MessagePassing:
    """Message passing between neighbouring points (MP-PDE).

    Attributes:
        width: channels of the features.
        layers: rounds of messages.
        radius: reach of a message in points.
    """

    width: int = 48
    layers: int = 6
    radius: int = 3

    def __post_init__(self):
        _at_least(self, width=1, layers=1, radius=1)

    def build(self, problem: Problem, rngs: nnx.Rngs) -> BuildBase:
        return _with_boundaries(problem, MessagePassingSolver, rngs, **dataclasses.asdict(self))


@dataclasses.dataclass(frozen=True)
class PaperUNet:
    """U-Net in its published form: batch normalisation, tanh, zero padding."""

    features: int = 32
    levels: int = 4

    def __post_init__(self):
        _at_least(self, features=1, levels=1)

    def build(self, problem: Problem, rngs: nnx.Rngs) -> BuildBase:
        form = {"normalization": "batch", "activation": "tanh"}
        return _published(problem, UNetSolver, rngs, **dataclasses.asdict(self), **form)


Base = FNO | FactorisedFNO | UNet | ConvNextUNet | MessagePassing | PaperFNO | PaperUNet


@dataclasses.dataclass(frozen=True)
class Cape:
    """CAPE, our default: propagator heads in front, channel attention at every hidden layer of the base.

    Attributes:
        heads: number of propagators.
        reach: largest initial displacement in one application, in domain lengths; 0 where nothing is transported: then
            all heads diffuse.
        width: hidden units of the attention's perceptron.
        embedding: what it is told of a parameter: its logarithm, scaled to the trained range; its value, over the
            largest trained one; both; or sines and cosines of the logarithm.
    """

    heads: int = 8
    reach: float = 1.0
    width: int = 32
    embedding: EmbeddingName = "logarithm"

    def __post_init__(self):
        _at_least(self, heads=1, width=1)

    def build(self, problem: Problem, build_base, rngs: nnx.Rngs) -> nnx.Module:
        return CAPE(problem, build_base, **dataclasses.asdict(self), rngs=rngs)


@dataclasses.dataclass(frozen=True)
class PaperCape:
    """CAPE in its published form, tied to one resolution.

    Attributes:
        widening: channels of the block's branches.
        kernel: width of the block's convolutions.
        modes: modes per axis of the spectral branch; 0: 16 in 1D, 9 in 2D and 3D.
        pointwise_output: the block's last convolution is 1x1 with bias, else as wide as the others without.
    """

    widening: int = 64
    kernel: int = 5
    modes: int = 0
    pointwise_output: bool = True

    def __post_init__(self):
        _at_least(self, widening=1, kernel=1, modes=0)

    def build(self, problem: Problem, build_base, rngs: nnx.Rngs) -> nnx.Module:
        return PaperCAPE(problem, build_base, **dataclasses.asdict(self), rngs=rngs)


@dataclasses.dataclass(frozen=True)
class Film:
    """FiLM: a gain and an offset from the parameters on every hidden channel of the base.

    Attributes:
        width, embedding: as in `Cape`.
    """

    width: int = 32
    embedding: EmbeddingName = "logarithm"

    def __post_init__(self):
        _at_least(self, width=1)

    def build(self, problem: Problem, build_base, rngs: nnx.Rngs) -> nnx.Module:
        return FiLM(problem, build_base, **dataclasses.asdict(self), rngs=rngs)


@dataclasses.dataclass(frozen=True)
class AdaGroupNorm:
    """Adaptive group normalisation: FiLM on hidden maps that are group-normalised first.

    Attributes:
        width, embedding: as in `Cape`.
    """

    width: int = 32
    embedding: EmbeddingName = "logarithm"

    def __post_init__(self):
        _at_least(self, width=1)

    def build(self, problem: Problem, build_base, rngs: nnx.Rngs) -> nnx.Module:
        return AdaGN(problem, build_base, **dataclasses.asdict(self), rngs=rngs)


@dataclasses.dataclass(frozen=True)
class Channels:
    """The parameters as further input channels; `residual=False` is the published form."""

    residual: bool = True

    def build(self, problem: Problem, build_base, rngs: nnx.Rngs) -> nnx.Module:
        return ParameterChannels(problem, build_base, residual=self.residual, rngs=rngs)


@dataclasses.dataclass(frozen=True)
class Unaware:
    """No conditioning: the base solver never learns the parameters; `residual=False` is the published form."""

    residual: bool = True

    def build(self, problem: Problem, build_base, rngs: nnx.Rngs) -> nnx.Module:
        return Unconditioned(problem, build_base, residual=self.residual, rngs=rngs)


Conditioning = Cape | PaperCape | Film | AdaGroupNorm | Channels | Unaware


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """A base solver, the conditioning around it, and how fields are normalised.

    Attributes:
        base, conditioning: the architecture.
        normalise: "sample", every frame by its own mean and deviation, which the conditioning is told like
            parameters; "channel", by the statistics of the training data; "off", the published form.
        conserve: keep the mean over space of every channel whose mean stays the same in all training trajectories
            (`Problem.conserved`): density, or Burgers' u. The published form does not.
        place: show the base solver where it is on periodic axes, for an equation whose force or coefficients
            depend on the place; without, all places are alike to it. Axes that end are shown in any case.
        history, bundle: how many frames a step takes, and how many it gives, see `Window`.
        substeps: how many times the network is applied in a step, with the same weights: fronts move less far
            in one go, and the network is so many times as deep for no more parameters, at so many times the work.
    """

    base: Base = FNO()
    conditioning: Conditioning = Cape()
    normalise: Literal["sample", "channel", "off"] = "sample"
    conserve: bool = True
    place: bool = False
    history: int = 1
    bundle: int = 1
    substeps: int = 1

    def __post_init__(self):
        _ = self.window  # refuses what does not fit
        if self.substeps < 1:
            raise ValueError(f"model.substeps: expected at least 1, got {self.substeps}")
        if self.normalise not in (kinds := ("sample", "channel", "off")):
            raise ValueError(f"model.normalise: expected one of {kinds}, got {self.normalise!r}")

    @property
    def conditioned(self) -> bool:
        """Whether the model sees the PDE parameters."""
        return not isinstance(self.conditioning, Unaware)

    @property
    def window(self) -> Window:
        return Window(self.history, self.bundle)

    def build(self, problem: Problem, rngs: nnx.Rngs) -> tuple[SampleNormalisation | None, nnx.Module]:
        """Make the normalisation of frames by themselves, if any, and the conditioned solver inside it."""
        if self.conditioned and not problem.parameters:
            raise ValueError("conditioning asks for PDE parameters, and the data name none; use `unaware`")
        normalisation = None
        if self.normalise == "sample":
            normalisation = SampleNormalisation(problem, told=self.conditioned, history=self.history)
            problem = normalisation.seen
        problem = self.window.problem(problem)
        build_base = self.base.build(problem, rngs)
        if self.place:
            if "periodic" not in problem.boundaries or isinstance(self.base, PaperFNO):
                raise ValueError(
                    "model.place: expected a periodic axis and a base that is not shown places already, got boundaries "
                    f"{problem.boundaries} and {type(self.base).__name__}"
                )
            build_base = _placed(problem, build_base)
        return normalisation, self.conditioning.build(problem, build_base, rngs)


def match_size(config: ModelConfig, target: int, count: Callable[[ModelConfig], int]) -> ModelConfig:
    """Choose the width or features (U-Nets) of the base that comes closest to `target` without exceeding it.

    Args:
        config: the model whose base is resized; everything else stays.
        target: largest number of trained parameters.
        count: counts the parameters of a config, e.g. `lambda c: count_parameters(build(c))`.

    Raises:
        ValueError: even the narrowest base has more than `target` parameters.
    """
    name = "width" if hasattr(config.base, "width") else "features"
    step = (
        4 if isinstance(config.base, UNet | PaperUNet) else 1
    )  # group normalisation wants features in fours

    def resized(size: int) -> ModelConfig:
        return dataclasses.replace(config, base=dataclasses.replace(config.base, **{name: size}))

    size = step
    if count(resized(size)) > target:
        raise ValueError(f"expected a target of at least {count(resized(size))} parameters, got {target}")
    while count(resized(size + step)) <= target:
        size += step
    return resized(size)
