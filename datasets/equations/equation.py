"""The equations that can be simulated: one entry each, with all that is known of it before it is solved."""

import difflib
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from jaxtyping import Float

from cape.datasets.equations import (
    advection,
    burgers,
    compressible,
    fitzhugh_nagumo,
    gray_scott,
    incompressible,
    reaction_diffusion,
)
from cape.datasets.simulate.initial_conditions import cell_centres, normalised_waves, random_waves
from cape.datasets.simulate.initial_fields import random_patches, random_spots, random_vorticity
from cape.datasets.simulate.parameters import ParameterValues
from cape.datasets.simulate.random_flow import random_flow


class Selectable(Protocol):
    """A batch of initial conditions of any dimension."""

    def select(self, samples: slice | np.ndarray) -> "Selectable": ...


@dataclass(frozen=True)
class Parameter:
    """A parameter of an equation: its name in files, its spelling in file names, the values it may take.

    `meaning` says for readers what it is in the equation's formula.
    """

    name: str
    spelling: str
    lowest: float = -np.inf
    zero: bool = True  # whether the lowest value itself is allowed
    meaning: str = ""


@dataclass(frozen=True)
class Equation:
    """An equation that can be simulated.

    `solve(initial, *parameters, resolution=, times=)` takes one array [sample] per parameter, in the order
    of `parameters`, and returns u[sample, time, *space, channel], the first frame being that of the initial
    condition also where it is the only one; `initial_conditions(seed, samples)` draws what `solve` takes as
    `initial`, of which `simulate` needs `select` alone, by a slice or by numbers. For readers: its `title`, its
    `formula`, in which all is dimensionless, and `scheme`, how it is solved.

    Attributes:
        dimension: number of axes; the domain is [origin, origin + length) along each of them.
        channels: names of the channels, in order.
        boundary: "periodic", "outgoing" or "wall", the same on every side.
        resolution: cells per axis where `simulate` is not told; so are `frames` and `t_end`.
        finest: cells per axis of the scheme's own grid, where that is finer: for the size of batches.
        file_suffix: end of the file's name, in which {resolution} stands for the number of cells.
    """

    name: str
    parameters: tuple[Parameter, ...]
    solve: Callable[..., np.ndarray]
    file_prefix: str
    initial_conditions: Callable[[int, int], Selectable] = random_waves
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

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of the parameters, in order."""
        return tuple(parameter.name for parameter in self.parameters)

    def file_name(self, values: Mapping[str, ParameterValues], resolution: int = 0) -> str:
        """Return the benchmark's name for a file, such as ReacDiff_Nu0.5_Rho1.0.hdf5."""
        labels = [f"{p.spelling}{values[p.name].label}" for p in self.parameters]
        suffix = self.file_suffix.format(resolution=resolution or self.resolution)
        return "_".join([self.file_prefix, *labels]) + suffix + ".hdf5"

    def coordinates(self, resolution: int) -> tuple[Float[np.ndarray, " n"], ...]:
        """Return the cell centres along each axis."""
        return (self.origin + self.length * cell_centres(resolution),) * self.dimension


def with_channel(solve: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Give the solution u[sample, time, *space] of a scalar equation its channel axis."""

    @functools.wraps(solve)
    def solve_with_channel(*args, **kwargs):
        return solve(*args, **kwargs)[..., None]

    return solve_with_channel


_GRAY_SCOTT = Equation(
    "gray-scott",
    (
        Parameter("F", "F", 0.0, meaning="feed rate F"),
        Parameter("k", "k", 0.0, meaning="kill rate k"),
    ),
    gray_scott.solve,
    "2D_GrayScott",
    random_spots,
    title="the Gray-Scott reaction",
    formula="∂ₜA = 2·10⁻⁵ ∇²A − A B² + F (1 − A),  ∂ₜB = 10⁻⁵ ∇²B + A B² − (F + k) B",
    scheme="by Fourier modes and exponential time steps of fourth order, in float64 on a finer grid",
    dimension=2,
    channels=("A", "B"),
    length=2.0,
    origin=-1.0,
    resolution=128,
    frames=101,
    t_end=1000.0,
    finest=256,
)
_NAVIER_STOKES = Equation(
    "navier-stokes",
    (
        Parameter("nu", "nu", 0.0, zero=False, meaning="viscosity ν"),
        Parameter("forcing", "forcing", 0.0, meaning="amplitude a of the forcing"),
    ),
    incompressible.solve,
    "2D_NavierStokes",
    random_vorticity,
    title="incompressible flow (Navier-Stokes, by its vorticity)",
    formula="∂ₜw + (u·∇)w = ν ∇²w + a (sin 2π(x + y) + cos 2π(x + y)),  ∇·u = 0,  ∇×u = w",
    scheme="by Fourier modes without aliasing and exponential time steps of fourth order, in float64",
    dimension=2,
    channels=("vorticity",),
    resolution=64,
    frames=31,
    t_end=50.0,
    finest=128,
)


def _compressible(dimension: int, resolution: int, suffix: str) -> Equation:
    viscosities = (
        Parameter("eta", "Eta", 0.0, meaning="kinematic shear viscosity η"),
        Parameter("zeta", "Zeta", 0.0, meaning="kinematic bulk viscosity ζ"),
    )
    mach = Parameter("M", "M", 0.0, zero=False, meaning="Mach number M of the initial condition")
    return Equation(
        f"compressible{dimension}d",
        viscosities if dimension == 1 else (mach, *viscosities),
        compressible.solve,
        f"{dimension}D_CFD_Rand",
        functools.partial(random_flow, dimension),
        title="compressible flow of an ideal gas (Navier-Stokes)",
        formula="∂ₜρ + ∇·(ρv) = 0,  ∂ₜ(ρv) + ∇·(ρvv + p) = ∇·σ,  ∂ₜE + ∇·((E + p)v) = ∇·(σv),  "
        "E = 3p/2 + ρ|v|²/2,  σₐₐ = ρ(ζ + 4η/3) ∂ₐvₐ,  σₐᵢ = ρη ∂ₐvᵢ",
        scheme="by a finite-volume scheme of second order (MUSCL-Hancock, HLLC), in float64",
        dimension=dimension,
        channels=("density", "pressure", "Vx", "Vy", "Vz")[: 2 + dimension],
        resolution=resolution,
        frames=21,
        t_end=1.0,
        file_suffix=suffix,
    )


EQUATIONS = {
    equation.name: equation
    for equation in (
        Equation(
            "advection",
            (Parameter("beta", "beta", meaning="speed β"),),
            with_channel(advection.solve),
            "1D_Advection_Sols",
            title="linear advection",
            formula="∂ₜu + β ∂ₓu = 0",
            scheme="exactly, along characteristics",
            finest=1024,
        ),
        Equation(
            "burgers",
            (Parameter("Nu", "Nu", 0.0, zero=False, meaning="ν, by which the diffusion coefficient is ν/π"),),
            with_channel(burgers.solve),
            "1D_Burgers_Sols",
            title="the viscous Burgers equation",
            formula="∂ₜu + ∂ₓ(u²/2) = (ν/π) ∂ₓₓu",
            scheme="by a finite-volume scheme with a limiter and exact diffusion, in float64 on a finer grid",
            finest=1024,
        ),
        Equation(
            "reaction-diffusion",
            (
                Parameter("Nu", "Nu", 0.0, zero=False, meaning="diffusion coefficient ν"),
                Parameter("rho", "Rho", 0.0, meaning="growth rate ρ"),
            ),
            with_channel(reaction_diffusion.solve),
            "ReacDiff",
            normalised_waves,
            title="reaction and diffusion (Fisher-KPP)",
            formula="∂ₜu = ν ∂ₓₓu + ρ u (1 − u)",
            scheme="by splitting into two parts that are both solved exactly, in float64 on a finer grid",
            finest=1024,
        ),
        _GRAY_SCOTT,
        replace(
            _GRAY_SCOTT,
            name="gray-scott-small",
            solve=functools.partial(gray_scott.solve, length=1.0),
            file_prefix="2D_GrayScottSmall",
            initial_conditions=functools.partial(random_spots, length=1.0),
            title="the Gray-Scott reaction on a quarter of the usual area",
            length=1.0,
            origin=-0.5,
            resolution=64,
            frames=41,
            t_end=400.0,
            finest=128,
        ),
        Equation(
            "fitzhugh-nagumo",
            (
                Parameter("Du", "Du", 0.0, zero=False, meaning="diffusion coefficient of u"),
                Parameter("Dv", "Dv", 0.0, zero=False, meaning="diffusion coefficient of v"),
                Parameter("k", "k", meaning="constant of the reaction"),
            ),
            fitzhugh_nagumo.solve,
            "2D_FitzHughNagumo",
            random_patches,
            title="diffusion and reaction (FitzHugh-Nagumo)",
            formula="∂ₜu = Du ∇²u + u − u³ − k − v,  ∂ₜv = Dv ∇²v + u − v",
            scheme="by cosine modes and exponential time steps of fourth order, in float64 on a finer grid",
            dimension=2,
            channels=("u", "v"),
            length=2.0,
            origin=-1.0,
            boundary="wall",
            resolution=64,
            frames=21,
            t_end=20.0,
            finest=192,
        ),
        _NAVIER_STOKES,
        replace(
            _NAVIER_STOKES,
            name="navier-stokes-eddies",
            solve=functools.partial(incompressible.solve, vorticity=5.0),
            file_prefix="2D_NavierStokesEddies",
            initial_conditions=functools.partial(random_vorticity, alpha=4.0, tau=20.0, size=5.0),
            title="incompressible flow that starts from strong eddies (Navier-Stokes, by its vorticity)",
            frames=21,
            t_end=4.0,
        ),
        _compressible(1, 256, "_periodic_Train"),
        _compressible(2, 64, "_periodic_{resolution}_Train"),
        _compressible(3, 32, "_periodic_Train"),
    )
}


def find_equation(name: str) -> Equation:
    """Return the equation of this name; the error for an unknown one names the closest."""
    if name not in EQUATIONS:
        close = difflib.get_close_matches(name, EQUATIONS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(EQUATIONS)}"
        raise ValueError(f"unknown equation {name!r}; {hint}")
    return EQUATIONS[name]
