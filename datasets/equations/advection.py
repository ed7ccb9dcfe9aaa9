"""Linear advection, solved exactly along characteristics."""

import numpy as np
from jaxtyping import Float

from cape.datasets.equations.equation import EQUATIONS, Equation, Parameter
from cape.datasets.simulate.cells import cell_centres
from cape.datasets.simulate.waves import Waves
from cape.datasets.symmetries import Symmetries


def solve(
    initial: Waves,
    beta: Float[np.ndarray, " sample"],
    *,
    resolution: int,
    times: Float[np.ndarray, " time"],
) -> Float[np.ndarray, "sample time x 1"]:
    """Solve ∂ₜu + β ∂ₓu = 0 on the periodic [0, 1): u(x, t) = u₀((x − βt) mod 1), without numerical error.

    Args:
        initial: the functions u₀, one per sample.
        beta: speed β of each sample, in domain lengths per unit of time.
        resolution: number of cells; values are given at their centres.
        times: times of the frames.

    Returns:
        Point values u[sample, time, x, 1], float64.
    """
    x = cell_centres(resolution)
    frames = [initial((x[None, :] - np.asarray(beta, np.float64)[:, None] * t) % 1.0) for t in times]
    return np.stack(frames, axis=1)[..., None]


advection = EQUATIONS.add(
    Equation(
        "advection",
        (Parameter("beta", "beta", meaning="speed β"),),
        solve,
        "1D_Advection_Sols",
        title="linear advection",
        formula="∂ₜu + β ∂ₓu = 0",
        scheme="exactly, along characteristics",
        finest=1024,
        symmetries=Symmetries(tiling={"u": 0, "beta": -1}, time={"u": 0, "beta": 1}, linear=True),
    )
)
