"""Base solvers: what a neural solver provides so that any conditioning can be put around it."""

import abc
import dataclasses
from collections.abc import Callable
from typing import ClassVar, Protocol, runtime_checkable

from flax import nnx
from jaxtyping import Array, Float

from cape.registry import Registry

Modulate = Callable[[int, Array], Array]


def unmodulated(i: int, h: Float[Array, "channel batch *space"]) -> Float[Array, "channel batch *space"]:
    """Return hidden feature map i unchanged: the default of every solver's `modulate`."""
    return h


@runtime_checkable
class BaseSolver(Protocol):
    """A neural one-step map: channels in, channels out. It never sees the PDE parameters.

    An implementation is an `nnx.Module`. `check_contract` in solvers/fitted.py checks it when it is built. A solver
    whose hidden maps contain displacements has the attribute `displacement_maps`, see the function of this name.
    """

    @property
    def hidden_channels(self) -> tuple[int, ...]:
        """Channels of each hidden feature map that a conditioning may modulate, in order. A plain attribute will do."""
        ...

    def __call__(
        self, u: Float[Array, "batch *space channel"], modulate: Modulate = unmodulated
    ) -> Float[Array, "batch *space out"]:
        """Map a field to a field on the same grid.

        Calls `h = modulate(i, h)` once on each hidden feature map h [channel, batch, *space], i = 0, 1, ...
        """
        ...

    def scale_output(self, factor: float) -> None:
        """Multiply the weights of the last layer, so that a residual prediction starts near persistence."""
        ...


def displacement_maps(solver: BaseSolver) -> tuple[int, ...]:
    """Return the numbers of the hidden feature maps that are displacements, or () for a solver that has none.

    A displacement over one step is a velocity times the time step. Conditionings can make it a simple function of the
    PDE parameters (see `ParameterPowers`), instead of a perceptron's.
    """
    return tuple(getattr(solver, "displacement_maps", ()))


MOST = {"layers": 256, "largest": 16, "levels": 16, "radius": 16, "expansion": 64}
MOST_OTHERWISE = 2**16


@dataclasses.dataclass(frozen=True)
class Domain:
    """The box and the grid that a solver is built for, one entry per axis.

    Attributes:
        boundaries: "periodic", "outgoing" or "wall".
        resolution: grid points during training.
        origin: coordinate of the first cell centre, in the units of the data.
        length: extent, in the units of the data.
    """

    boundaries: tuple[str, ...]
    resolution: tuple[int, ...]
    origin: tuple[float, ...]
    length: tuple[float, ...]

    @property
    def dimension(self) -> int:
        return len(self.boundaries)

    @property
    def periodic(self) -> bool:
        """Whether every axis is periodic."""
        return all(boundary == "periodic" for boundary in self.boundaries)


class SolverConfig(abc.ABC):
    """The settings of a base solver: a frozen dataclass that builds it.

    Attributes:
        size_setting: the setting that scales the number of weights, such as "width".
        size_step: the step in which it may change.
        assumes_periodic: the solver takes every axis as periodic. On other axes the field is then continued beyond
            both ends (see `Bounded`).
        handles_boundaries: the solver handles axes that are not periodic; no wrapper is put around it for them.
        sees_position: the solver adds coordinates to its input; position channels are refused.
        divides_space: the solver gives the same result if several devices share the first axis of space (see
            solvers/layers/divided_space.py).
        finest_grid: how many times finer than in training a grid may be before a rollout warns.
    """

    size_setting: ClassVar[str] = "width"
    size_step: ClassVar[int] = 1
    assumes_periodic: ClassVar[bool] = False
    handles_boundaries: ClassVar[bool] = False
    sees_position: ClassVar[bool] = False
    divides_space: ClassVar[bool] = False
    finest_grid: ClassVar[float] = 1.0

    @abc.abstractmethod
    def build(self, in_channels: int, out_channels: int, domain: Domain, *, rngs: nnx.Rngs) -> BaseSolver:
        """Build the solver.

        Raises:
            ValueError: the settings do not fit the domain.
        """

    @property
    def grid_multiple(self) -> int:
        """Every axis of a grid must have a multiple of this many points."""
        return 1

    @property
    def open_grid_multiple(self) -> int:
        """The multiple for an exported program that accepts many grids, which can branch on no grid's size."""
        return self.grid_multiple

    @property
    def grid_minimum(self) -> int:
        """The fewest points along an axis on which the solver still works as on finer grids."""
        return 2

    def warnings(self, domain: Domain) -> tuple[str, ...]:
        """Return a line for each setting that works on this domain but wastes something, such as "modes = 40: ..."."""
        return ()


# Not the whole of cape.paper: its other modules import cape.model, which needs this module first.
SOLVERS: Registry[type[SolverConfig]] = Registry(
    "base solver", SolverConfig, ["cape.solvers", "cape.paper.fno", "cape.paper.unet"]
)


def check_settings(config: object, **minimum: int) -> None:
    """Raise ValueError if a setting of a configuration is smaller than its minimum, or larger than any model needs.

    Without the upper bounds, the configuration of a stranger could ask for more memory than there is.
    """
    for name, least in minimum.items():
        value, most = getattr(config, name), MOST.get(name, MOST_OTHERWISE)
        if value < least:
            raise ValueError(f"{name}: expected at least {least}, got {value}")
        if value > most:
            raise ValueError(f"{name}: expected at most {most}, got {value}")
