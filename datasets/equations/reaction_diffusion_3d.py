"""Reaction and diffusion (Fisher-KPP) in three dimensions, such as the growth of a tumour or of a population."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cape.datasets.equations.equation import EQUATIONS, Equation, Parameter
from cape.datasets.simulate.cells import cell_centres
from cape.datasets.simulate.random_numbers import uniform_numbers
from cape.datasets.symmetries import Symmetries

HIGHEST_WAVE_NUMBER = 2
POINTS = 32  # per axis of the grid on which fields are scaled; it does not depend on the resolution
STEP = 0.01  # longest time step; the splitting error is of second order in it


@dataclass(frozen=True)
class Densities:
    """Periodic densities h (1 + f / max |f|) / 2 on the unit cube, with f = Re ∑ₖ cₖ exp(2πi k·x), one per sample."""

    modes: np.ndarray  # complex [sample, *wave numbers], each from −2 to 2
    largest: np.ndarray  # [sample]: max |f| on a grid of 32³ points
    heights: np.ndarray  # [sample]: h

    def __call__(self, x: Float[np.ndarray, " n"]) -> Float[np.ndarray, "sample x y z"]:
        """Evaluate on the grid of points x along every axis; return float64 in [0, 1]."""
        f = _evaluate(self.modes, x) / self.largest[:, None, None, None]
        return self.heights[:, None, None, None] * np.clip((1 + f) / 2, 0.0, 1.0)

    def select(self, samples: slice | np.ndarray) -> "Densities":
        """Return these samples only."""
        return Densities(self.modes[samples], self.largest[samples], self.heights[samples])


def random_densities(seed: int, samples: int) -> Densities:
    """Draw densities: amplitudes uniform in [0, 1) over 1 + |k|², phases uniform, heights uniform in [0.2, 0.8).

    Raises:
        ValueError: fewer than one sample is asked for.
    """
    k = np.arange(-HIGHEST_WAVE_NUMBER, HIGHEST_WAVE_NUMBER + 1.0)
    squared = k[:, None, None] ** 2 + k[:, None] ** 2 + k**2
    numbers = uniform_numbers(seed, "random-densities", samples, 1 + 2 * squared.size)
    amplitudes, phases = numbers[:, 1:].reshape(samples, 2, *squared.shape).swapaxes(0, 1)
    modes = amplitudes * (squared > 0) / (1 + squared) * np.exp(2j * np.pi * phases)
    largest = np.abs(_evaluate(modes, cell_centres(POINTS))).max(axis=(1, 2, 3))
    return Densities(modes, largest, 0.2 + 0.6 * numbers[:, 0])


def _evaluate(modes: np.ndarray, x: Float[np.ndarray, " n"]) -> Float[np.ndarray, "sample x y z"]:
    """Return Re ∑ₖ cₖ exp(2πi k·x) on the grid of points x along every axis; sum over one axis after the other."""
    waves = np.exp(2j * np.pi * np.outer(np.arange(-HIGHEST_WAVE_NUMBER, HIGHEST_WAVE_NUMBER + 1), x))
    for _ in range(3):
        modes = np.tensordot(modes, waves, axes=(1, 0))
    return modes.real


def solve(
    initial: Densities,
    nu: Float[np.ndarray, " sample"],
    rho: Float[np.ndarray, " sample"],
    *,
    resolution: int,
    times: Float[np.ndarray, " time"],
    step: float = STEP,
) -> Float[np.ndarray, "sample time x y z 1"]:
    """Solve ∂ₜu = ν ∇²u + ρ u (1 − u) on the periodic unit cube, 0 ≤ u.

    The scheme (`schemes.reaction_diffusion.evolve`) runs on the grid of the result. Fronts are about √(ν/ρ) wide, which
    should be two cells at least.

    Args:
        initial: the functions u₀ ≥ 0, one per sample.
        nu: diffusion coefficient ν of each sample.
        rho: growth rate ρ of each sample, per unit of time.
        resolution: cells along each axis; values are given at their centres.
        times: increasing times of the frames; the first one is the time of the initial condition.
        step: longest time step.

    Returns:
        Point values u[sample, time, x, y, z, 1], float64.
    """
    from cape.datasets.schemes import reaction_diffusion as scheme

    return scheme.evolve(initial(cell_centres(resolution)), nu, rho, times, step=step)[..., None]


reaction_diffusion_3d = EQUATIONS.add(
    Equation(
        "reaction-diffusion-3d",
        (
            Parameter("Nu", "Nu", 0.0, zero=False, meaning="diffusion coefficient ν"),
            Parameter("rho", "Rho", 0.0, meaning="growth rate ρ"),
        ),
        solve,
        "3D_ReacDiff",
        random_densities,
        title="reaction and diffusion in three dimensions (Fisher-KPP)",
        formula="∂ₜu = ν ∇²u + ρ u (1 − u)",
        scheme="by splitting into two parts that are both solved exactly, in float64",
        dimension=3,
        resolution=32,
        frames=11,
        t_end=1.0,
        symmetries=Symmetries(isometries=()),
    )
)
