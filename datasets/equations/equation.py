"""The contract of an equation that can be simulated, and the registry of equations.

To add an equation, add one file to this folder (or to a package of yours) that registers an `Equation`:

    heat = EQUATIONS.add(Equation("heat", (Parameter("nu", "nu", 0.0),), solve, "1D_Heat"))
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float

from cape.datasets.simulate.cells import cell_centres
from cape.datasets.simulate.parameters import ParameterValues
from cape.datasets.simulate.waves import random_waves
from cape.datasets.symmetries import Symmetries
from cape.registry import Registry, module_of


class InitialConditions(Protocol):
    """A batch of initial conditions, of any dimension. How they are evaluated is up to `Equation.solve`."""

    def select(self, samples: slice | np.ndarray) -> "InitialConditions":
        """Return these samples only, in this order."""
        ...


@dataclass(frozen=True)
class Parameter:
    """A parameter of an equation.

    Attributes:
        name: its name in files and on the command line.
        spelling: its spelling in file names.
        lowest: the lowest value it may take.
        zero: whether it may take the lowest value itself.
        meaning: what it is in the equation's formula, for readers.
    """

    name: str
    spelling: str
    lowest: float = -np.inf
    zero: bool = True
    meaning: str = ""


@dataclass(frozen=True)
class Equation:
    """An equation that can be simulated. All quantities are dimensionless.

    An implementer provides two functions:

    `initial_conditions(seed, samples)` draws `samples` initial conditions. Sample i must depend on `seed` and i
    only, so that files of one seed have the same initial conditions. The result needs the method `select`.

    `solve(initial, *parameters, resolution=, times=)` solves the equation:
        initial: what `initial_conditions` returned, for these samples.
        parameters: one array [sample] for each of `parameters`, in this order.
        resolution: number of cells per axis.
        times: [time], increasing; the first one is the time of the initial condition.
        Returns u[sample, time, *space, channel]: point values at the cell centres. The first frame is the initial
        condition. Further keyword arguments with defaults may set the accuracy. Importing an equation must stay
        cheap, because the command line's help lists all equations: import jax inside `solve`.

    Attributes:
        name: the name in files, in the registry and on the command line.
        parameters: the parameters, in the order `solve` takes them.
        solve, initial_conditions: see above.
        file_prefix: beginning of the names of files.
        file_suffix: end of the names of files; {resolution} stands for the number of cells.
        title, formula, scheme: what it is, its formula and how `solve` solves it, for readers.
        dimension: number of axes. The domain is [origin, origin + length) along each of them.
        channels: names of the channels, in order.
        length, origin: the domain along each axis.
        boundary: "periodic", "outgoing" or "wall", the same on every side.
        resolution, frames, t_end: default number of cells per axis, number of frames and time of the last frame.
        finest: number of cells per axis of the internal grid of `solve`, if it is finer than `resolution`; it limits
            how many samples are solved at once.
        symmetries: what `cape.datasets.augmentation` may use; None if nothing is declared.
    """

    name: str
    parameters: tuple[Parameter, ...]
    solve: Callable[..., np.ndarray]
    file_prefix: str
    initial_conditions: Callable[[int, int], InitialConditions] = random_waves
    title: str = ""
    formula: str = ""
    scheme: str = ""
    dimension: int = 1
    channels: tuple[str, ...] = ("u",)
    length: float = 1.0
    origin: float = 0.0
    boundary: str = "periodic"
    resolution: int = 128
    frames: int = 41
    t_end: float = 2.0
    finest: int = 0
    file_suffix: str = ""
    symmetries: Symmetries | None = None

    @property
    def defined_in(self) -> str:
        """The module that defines `solve`."""
        return module_of(self.solve)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of the parameters, in order."""
        return tuple(parameter.name for parameter in self.parameters)

    def file_name(self, values: Mapping[str, ParameterValues], resolution: int = 0) -> str:
        """Return the name of a file as PDEBench spells it, such as ReacDiff_Nu0.5_Rho1.0.hdf5."""
        labels = [f"{p.spelling}{values[p.name].label}" for p in self.parameters]
        suffix = self.file_suffix.format(resolution=resolution or self.resolution)
        return "_".join([self.file_prefix, *labels]) + suffix + ".hdf5"

    def coordinates(self, resolution: int) -> tuple[Float[np.ndarray, " n"], ...]:
        """Return the cell centres along each axis."""
        return (self.origin + self.length * cell_centres(resolution),) * self.dimension


EQUATIONS: Registry[Equation] = Registry("equation", Equation, ["cape.datasets.equations"])


def find_equation(name: str) -> Equation:
    """Return the equation of this name.

    Raises:
        ValueError: there is none; the message names the nearest one.
    """
    return EQUATIONS.find(name)
