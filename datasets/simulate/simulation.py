"""Simulated data sets: one entry per equation, and one function that writes their files."""

import difflib
import functools
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from . import (
    advection,
    burgers,
    compressible,
    fitzhugh_nagumo,
    gray_scott,
    incompressible,
    reaction_diffusion,
)
from .initial_conditions import cell_centres, normalised_waves, random_waves
from .initial_fields import random_patches, random_spots, random_vorticity
from .parameters import ParameterValues, parse
from .random_flow import random_flow
from .writer import refuse_existing, writing

LOWEST_RESOLUTION = 16
MOST_SAMPLES = 1_000_000  # numbers of initial conditions: seed * MOST_SAMPLES + sample
VALUES_PER_BATCH = 2**23  # frames * cells * channels of one batch of samples held in memory


class Selectable(Protocol):
    """A batch of initial conditions of any dimension."""

    def select(self, samples: slice) -> "Selectable": ...


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
    `initial`, of which `simulate` needs `select(slice)` alone. For readers: its `title`, its `formula`, in
    which all is dimensionless, and `scheme`, how it is solved.

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


def simulate(
    equation: str | Equation,
    folder: Path,
    parameters: Mapping[str, ParameterValues | str],
    samples: int,
    seed: int = 0,
    resolution: int = 0,
    frames: int = 0,
    t_end: float = 0.0,
    overwrite: bool = False,
    progress: bool = True,
) -> list[Path]:
    """Simulate an equation and write its files in the layout and with the names of PDEBench.

    Listed values (`Values`, or text such as "0.01,0.1") make one file each, several listed parameters one
    for every combination; ranges ("loguniform:1e-3:1") one value per sample in one file. Sample i starts
    from the same initial condition in every file of one seed, whatever the parameters, the resolution and
    the number of samples, and `initial-condition` in the file says so.

    Args:
        equation: a name in `EQUATIONS`, or an `Equation` of your own.
        folder: where the files go; made when missing.
        parameters: values by name, one for every parameter of the equation.
        samples: trajectories in each file.
        seed: everything random follows from it.
        resolution: cells per axis; 0: the equation's own number, and so for frames and t_end.
        frames: number of frames, the initial condition included, equidistant from 0 to t_end.
        t_end: time of the last frame.
        overwrite: replace files that are there already.
        progress: show a progress bar.

    Returns:
        The paths of the files written.

    Raises:
        ValueError: for an unknown equation, missing or unknown parameters, values out of range, too few
            samples, frames or cells.
        FileExistsError: when a file is there already and `overwrite` is false; nothing is written then.
    """
    equation = find_equation(equation) if isinstance(equation, str) else equation
    given = {
        name: parse(values) if isinstance(values, str) else values for name, values in parameters.items()
    }
    _check_parameters(equation, given)
    resolution, frames = resolution or equation.resolution, frames or equation.frames
    t_end = t_end or equation.t_end
    _check_sizes(samples, seed, resolution, frames, t_end)
    combinations = [
        dict(zip(equation.parameter_names, choice, strict=True))
        for choice in itertools.product(*(given[name].choices for name in equation.parameter_names))
    ]
    paths = [Path(folder) / equation.file_name(values, resolution) for values in combinations]
    refuse_existing(paths, overwrite)

    initial = equation.initial_conditions(seed, samples)
    times = np.linspace(0.0, t_end, frames)
    values_per_sample = (
        frames * max(resolution, equation.finest) ** equation.dimension * len(equation.channels)
    )
    batch = _batch_size(samples, values_per_sample)
    with tqdm(total=samples * len(paths), unit="trajectory", disable=not progress) as bar:
        for path, values in zip(paths, combinations, strict=True):
            bar.set_description(path.name)
            columns = [values[name].draw(seed, name, samples) for name in equation.parameter_names]
            with writing(
                path,
                parameters=np.stack(columns, axis=1),
                parameter_names=equation.parameter_names,
                channel_names=equation.channels,
                coordinates=equation.coordinates(resolution),
                times=times,
                initial_conditions=seed * MOST_SAMPLES + np.arange(samples),
                attributes=_provenance(equation, seed, resolution),
                overwrite=overwrite,
            ) as put:
                for start in range(0, samples, batch):
                    part = slice(start, min(start + batch, samples))
                    u = equation.solve(
                        initial.select(part), *(c[part] for c in columns), resolution=resolution, times=times
                    )
                    _check_solution(equation, u, (part.stop - part.start, frames, resolution))
                    put(part, slice(None), u)
                    bar.update(part.stop - start)
    return paths


def find_equation(name: str) -> Equation:
    """Return the equation of this name; the error for an unknown one names the closest."""
    if name not in EQUATIONS:
        close = difflib.get_close_matches(name, EQUATIONS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(EQUATIONS)}"
        raise ValueError(f"unknown equation {name!r}; {hint}")
    return EQUATIONS[name]


def _check_parameters(equation: Equation, given: Mapping[str, ParameterValues]) -> None:
    names = equation.parameter_names
    missing, unknown = [n for n in names if n not in given], [n for n in given if n not in names]
    if missing or unknown:
        raise ValueError(
            f"{equation.name} takes the parameters {', '.join(names)}; "
            f"missing: {', '.join(missing) or 'none'}, unknown: {', '.join(unknown) or 'none'}"
        )
    for parameter in equation.parameters:
        low, _ = given[parameter.name].bounds
        if low < parameter.lowest or (low == parameter.lowest and not parameter.zero):
            sign = ">=" if parameter.zero else ">"
            raise ValueError(
                f"{equation.name} needs {parameter.name} {sign} {parameter.lowest:g}, got {low:g}"
            )


def _check_sizes(samples: int, seed: int, resolution: int, frames: int, t_end: float) -> None:
    if not 1 <= samples <= MOST_SAMPLES:
        raise ValueError(f"expected samples between 1 and {MOST_SAMPLES}, got {samples}")
    if not 0 <= seed < 2**31:
        raise ValueError(f"expected a seed between 0 and 2147483647, got {seed}")
    if resolution < LOWEST_RESOLUTION:
        raise ValueError(f"expected a resolution of at least {LOWEST_RESOLUTION} cells, got {resolution}")
    if frames < 2:
        raise ValueError(f"expected at least 2 frames (the initial condition is one), got {frames}")
    if not (np.isfinite(t_end) and t_end > 0):
        raise ValueError(f"expected a positive t_end, got {t_end}")


def _check_solution(equation: Equation, u: np.ndarray, sizes: tuple[int, int, int]) -> None:
    samples, frames, resolution = sizes
    expected = (samples, frames, *[resolution] * equation.dimension, len(equation.channels))
    if u.shape != expected:
        raise ValueError(
            f"{equation.name}: expected the solution u (sample, time, *space, channel) of shape {expected}, "
            f"got {u.shape}"
        )
    if not np.isfinite(u).all():
        raise ValueError(
            f"{equation.name}: the solver gave values that are not finite; ask for other parameter values or "
            "an earlier t_end"
        )


def _batch_size(samples: int, values: int) -> int:
    """Equal batches (one compilation), of at most 64 samples and VALUES_PER_BATCH values, or one sample."""
    most = int(np.clip(VALUES_PER_BATCH // values, 1, 64))
    return -(-samples // -(-samples // most))


def _provenance(equation: Equation, seed: int, resolution: int) -> dict[str, str | int]:
    try:
        package = f"cape-jax {version('cape-jax')}"
    except PackageNotFoundError:
        package = "cape-jax (not installed)"
    settings = {"equation": equation.name, "boundary": equation.boundary, "generator": package}
    return settings | {"seed": seed, "resolution": resolution}
