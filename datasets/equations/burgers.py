"""The viscous Burgers equation. `datasets/schemes/burgers.py` has the finite-volume scheme that solves it."""

import numpy as np
from jaxtyping import Float

from cape.datasets.equations.equation import EQUATIONS, Equation, Parameter
from cape.datasets.simulate.cells import cell_averages, cell_centres
from cape.datasets.simulate.waves import Waves
from cape.datasets.symmetries import Symmetries

COURANT = 0.5  # max|u| dt/dx; the limited reconstruction keeps its bounds up to 1/2


def solve(
    initial: Waves,
    nu: Float[np.ndarray, " sample"],
    *,
    resolution: int,
    times: Float[np.ndarray, " time"],
    refinement: int | None = None,
    courant: float = COURANT,
    dtype: type = np.float64,
) -> Float[np.ndarray, "sample time x 1"]:
    """Solve ∂ₜu + ∂ₓ(u²/2) = (ν/π) ∂ₓₓu on the periodic [0, 1).

    The scheme (`schemes.burgers.evolve`) runs on a grid that is `refinement` times finer.

    Args:
        initial: the functions u₀, one per sample.
        nu: ν of each sample, dimensionless, as PDEBench's files have it: the diffusion coefficient is ν/π.
        resolution: number of cells; values are given at their centres.
        times: increasing times of the frames; the first one is the time of the initial condition.
        refinement: odd number of internal cells per cell; None for `schemes.burgers.refinement_for`.
        courant: max|u| dt/dx of the scheme.
        dtype: precision of the arithmetic, np.float64 or np.float32.

    Returns:
        Point values u[sample, time, x, 1].

    Raises:
        ValueError: see `schemes.burgers.evolve`, or `refinement` is not odd.
    """
    from cape.datasets.schemes import burgers as scheme

    factor = scheme.refinement_for(resolution, nu) if refinement is None else refinement
    scheme.check_refinement(factor)
    averages = cell_averages(initial, factor * resolution)
    u = scheme.centre_values(scheme.evolve(averages, nu, times, courant=courant, dtype=dtype), factor)
    u[:, 0] = initial(cell_centres(resolution))
    return u[..., None]


burgers = EQUATIONS.add(
    Equation(
        "burgers",
        (Parameter("Nu", "Nu", 0.0, zero=False, meaning="ν, by which the diffusion coefficient is ν/π"),),
        solve,
        "1D_Burgers_Sols",
        title="the viscous Burgers equation",
        formula="∂ₜu + ∂ₓ(u²/2) = (ν/π) ∂ₓₓu",
        scheme="by a finite-volume scheme with a limiter and exact diffusion, in float64 on a finer grid",
        finest=1024,
        symmetries=Symmetries(
            tiling={"u": -1, "Nu": -2}, time={"u": 1, "Nu": 1}, reflection=-1, galilean=True
        ),
    )
)
