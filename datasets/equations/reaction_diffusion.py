"""Reaction and diffusion (Fisher-KPP), solved by splitting."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cape.datasets.equations.equation import EQUATIONS, Equation, Parameter
from cape.datasets.simulate.cells import cell_centres
from cape.datasets.simulate.waves import Waves, random_waves
from cape.datasets.symmetries import Symmetries

STEP = 1e-3  # longest time step; the splitting error is of second order in it
POINTS = 1024  # fewest internal points


@dataclass(frozen=True)
class NormalisedWaves:
    """Functions |u₀(x)| / max |u₀| in [0, 1], one per sample.

    The maximum is taken on a fixed grid of 4096 points, so that it does not depend on the resolution.
    """

    waves: Waves
    maxima: np.ndarray  # [sample]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Evaluate at points x[point] (shared) or x[sample, point]; return float64 [sample, point]."""
        return np.minimum(np.abs(self.waves(x)) / self.maxima[:, None], 1.0)

    def select(self, samples: slice | np.ndarray) -> "NormalisedWaves":
        """Return these samples only."""
        return NormalisedWaves(self.waves.select(samples), self.maxima[samples])


def normalised_waves(seed: int, samples: int) -> NormalisedWaves:
    """Draw `random_waves` without offset and scale each to [0, 1]; a sample that is zero everywhere stays zero."""
    waves = random_waves(seed, samples, largest_offset=0.0)
    x = cell_centres(4096)
    maxima = np.concatenate(
        [np.abs(waves.select(slice(i, i + 256))(x)).max(axis=1) for i in range(0, samples, 256)]
    )
    return NormalisedWaves(waves, np.where(maxima > 0, maxima, 1.0))


def solve(
    initial: NormalisedWaves,
    nu: Float[np.ndarray, " sample"],
    rho: Float[np.ndarray, " sample"],
    *,
    resolution: int,
    times: Float[np.ndarray, " time"],
    step: float = STEP,
    points: int = POINTS,
) -> Float[np.ndarray, "sample time x 1"]:
    """Solve ∂ₜu = ν ∂ₓₓu + ρ u (1 − u) on the periodic [0, 1), 0 ≤ u.

    The scheme (`schemes.reaction_diffusion.evolve`) runs on a finer grid that contains every cell's centre.

    Args:
        initial: the functions u₀ ≥ 0, one per sample.
        nu: diffusion coefficient ν of each sample.
        rho: growth rate ρ of each sample, per unit of time.
        resolution: number of cells; values are given at their centres.
        times: increasing times of the frames; the first one is the time of the initial condition.
        step: longest time step.
        points: fewest internal points.

    Returns:
        Point values u[sample, time, x, 1], float64.
    """
    from cape.datasets.schemes import reaction_diffusion as scheme

    factor = int(np.ceil(points / resolution))
    factor += 1 - factor % 2
    fine = scheme.evolve(initial(cell_centres(factor * resolution)), nu, rho, times, step=step)
    return fine[..., factor // 2 :: factor, None]


reaction_diffusion = EQUATIONS.add(
    Equation(
        "reaction-diffusion",
        (
            Parameter("Nu", "Nu", 0.0, zero=False, meaning="diffusion coefficient ν"),
            Parameter("rho", "Rho", 0.0, meaning="growth rate ρ"),
        ),
        solve,
        "ReacDiff",
        normalised_waves,
        title="reaction and diffusion (Fisher-KPP)",
        formula="∂ₜu = ν ∂ₓₓu + ρ u (1 − u)",
        scheme="by splitting into two parts that are both solved exactly, in float64 on a finer grid",
        finest=1024,
        symmetries=Symmetries(
            tiling={"u": 0, "Nu": -2, "rho": 0}, time={"u": 0, "Nu": 1, "rho": 1}, reflection=1
        ),
    )
)
