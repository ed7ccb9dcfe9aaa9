"""Compressible flow of an ideal gas (Navier-Stokes) in one to three dimensions, solved by finite volumes."""

import functools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float

from cape.datasets.equations.equation import EQUATIONS, Equation, Parameter
from cape.datasets.simulate.cells import cell_centres
from cape.datasets.simulate.random_numbers import uniform_numbers
from cape.datasets.symmetries import Symmetries

GAMMA = 5 / 3  # ratio of specific heats
HIGHEST_WAVE_NUMBER = 4
POINTS = 32  # per axis of the grid on which disturbances are scaled; it does not depend on the resolution


@dataclass(frozen=True)
class RandomFlow:
    """Periodic flows around a uniform state on the unit interval, square or cube, for any Mach number.

    ρ = ρ₀ (1 + f₁), p = p₀ (1 + f₂), v = M √(γp₀/ρ₀) (f₃, …). Every f is Re ∑ₖ cₖ exp(2πi k·x), where the components of
    k are ±1, …, ±4. Arrays have one row per sample.
    """

    density: np.ndarray  # [sample]: ρ₀
    pressure: np.ndarray  # [sample]: p₀
    mach: np.ndarray  # [sample]: M, if `__call__` gets none
    modes: np.ndarray  # complex [sample, field, *wave numbers], see `wave_numbers`

    def __call__(
        self, x: Float[np.ndarray, " n"], mach: Float[np.ndarray, " sample"] | None = None
    ) -> Float[np.ndarray, "sample *space channel"]:
        """Evaluate density, pressure and velocity on the grid of points x along every axis; return float64."""
        fields = _evaluate(self.modes, x)
        mach = self.mach if mach is None else np.asarray(mach, np.float64)
        speed = mach * np.sqrt(GAMMA * self.pressure / self.density)
        each = [self.density, self.pressure, *[speed] * (fields.shape[1] - 2)]
        scales = np.stack(each, axis=1).reshape(*fields.shape[:2], *[1] * (fields.ndim - 2))
        fields[:, :2] += 1.0
        return np.moveaxis(scales * fields, 1, -1)

    def select(self, samples: slice | np.ndarray) -> "RandomFlow":
        """Return these samples only."""
        return RandomFlow(*(getattr(self, name)[samples] for name in self.__dataclass_fields__))


def random_flow(dimension: int, seed: int, samples: int) -> RandomFlow:
    """Draw flows like those of PDEBench's files of random fields.

    ρ₀ and p₀/ρ₀ are uniform in [1, 10). The modes of each field have amplitudes uniform in [0, 1) times |k|^(−½), and
    phases uniform in [0, 2π). Density is then scaled to a largest disturbance uniform in [0.1, 0.7), pressure to one
    uniform in [0.05, 0.4). Velocity is scaled to a mean speed of M times the speed of sound of the uniform state. M is
    uniform in [0.1, 1) unless it is a parameter.

    Sample i depends on `seed` and i only.

    Raises:
        ValueError: fewer than one sample is asked for.
    """
    k = np.meshgrid(*wave_numbers(dimension), indexing="ij")
    shape = (2, samples, 2 + dimension, *k[0].shape)
    numbers = uniform_numbers(seed, f"random-flow-{dimension}", samples, 5 + shape[2] * 2 * k[0].size)
    amplitudes, phases = numbers[:, 5:].reshape(samples, 2, *shape[2:]).swapaxes(0, 1)
    modes = amplitudes * sum(a**2 for a in k) ** -0.25 * np.exp(2j * np.pi * phases)
    density, temperature, mach = 1 + 9 * numbers[:, 0], 1 + 9 * numbers[:, 1], 0.1 + 0.9 * numbers[:, 2]
    largest = np.stack([0.1 + 0.6 * numbers[:, 3], 0.05 + 0.35 * numbers[:, 4]], axis=1)
    for i in range(samples):
        fields = _evaluate(modes[i : i + 1], cell_centres(POINTS))[0]
        reached = np.abs(fields[:2]).reshape(2, -1).max(axis=1)
        speed = np.sqrt((fields[2:] ** 2).sum(axis=0)).mean()
        scales = np.append(largest[i] / reached, np.full(dimension, 1 / speed))
        modes[i] *= scales.reshape(-1, *[1] * dimension)
    return RandomFlow(density, density * temperature, mach, modes)


def wave_numbers(dimension: int) -> list[Float[np.ndarray, " k"]]:
    """Return the wave numbers along each axis: ±1, …, ±4, but only positive ones along the first (fields are real)."""
    positive = np.arange(1.0, HIGHEST_WAVE_NUMBER + 1)
    return [positive] + [np.concatenate([-positive[::-1], positive])] * (dimension - 1)


def _evaluate(
    modes: Complex[np.ndarray, "sample field *k"], x: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "sample field *space"]:
    """Return Re ∑ₖ cₖ exp(2πi k·x) on the grid of points x along every axis; sum over one axis after the other."""
    for k in wave_numbers(modes.ndim - 2):
        modes = np.tensordot(modes, np.exp(2j * np.pi * np.outer(k, x)), axes=(2, 0))
    return modes.real.copy()


def solve(
    initial: RandomFlow,
    *parameters: Float[np.ndarray, " sample"],
    resolution: int,
    times: Float[np.ndarray, " time"],
    boundary: str = "periodic",
) -> Float[np.ndarray, "sample time *space channel"]:
    """Solve the compressible Navier-Stokes equations (`schemes.compressible.evolve`) from random flows.

    Args:
        initial: the random flows on the unit interval, square or cube.
        parameters: Mach number M (two and three dimensions only), shear viscosity η, bulk viscosity ζ, each [sample].
        resolution: cells along each axis.
        times: increasing times of the frames; the first one is the time of the initial condition.
        boundary: "periodic" or "outgoing".

    Returns:
        Density, pressure and velocity at the cell centres, float32.
    """
    from cape.datasets.schemes import compressible as scheme

    *mach, eta, zeta = parameters
    w = initial(cell_centres(resolution), *mach)
    return scheme.evolve(w, eta, zeta, times, boundary=boundary, dtype=np.float32)


def _equation(dimension: int, resolution: int, file_suffix: str) -> Equation:
    viscosities = (
        Parameter("eta", "Eta", 0.0, meaning="kinematic shear viscosity η"),
        Parameter("zeta", "Zeta", 0.0, meaning="kinematic bulk viscosity ζ"),
    )
    mach = Parameter("M", "M", 0.0, zero=False, meaning="Mach number M of the initial condition")
    velocity = ("Vx", "Vy", "Vz")[:dimension]
    return Equation(
        f"compressible{dimension}d",
        viscosities if dimension == 1 else (mach, *viscosities),
        solve,
        f"{dimension}D_CFD_Rand",
        functools.partial(random_flow, dimension),
        title="compressible flow of an ideal gas (Navier-Stokes)",
        formula="∂ₜρ + ∇·(ρv) = 0,  ∂ₜ(ρv) + ∇·(ρvv + p) = ∇·σ,  ∂ₜE + ∇·((E + p)v) = ∇·(σv),  "
        "E = 3p/2 + ρ|v|²/2,  σₐₐ = ρ(ζ + 4η/3) ∂ₐvₐ,  σₐᵢ = ρη ∂ₐvᵢ",
        scheme="by a finite-volume scheme of second order (MUSCL-Hancock, HLLC), in float64",
        dimension=dimension,
        channels=("density", "pressure", *velocity),
        resolution=resolution,
        frames=21,
        t_end=1.0,
        file_suffix=file_suffix,
        symmetries=Symmetries(isometries=velocity),
    )


compressible1d = EQUATIONS.add(_equation(1, 256, "_periodic_Train"))
compressible2d = EQUATIONS.add(_equation(2, 64, "_periodic_{resolution}_Train"))
compressible3d = EQUATIONS.add(_equation(3, 32, "_periodic_Train"))
