"""Linear advection, solved exactly: the initial condition evaluated where the characteristic came from."""

import numpy as np
from jaxtyping import Float

from cape.datasets.simulate.initial_conditions import InitialConditions, cell_centres


def solve(
    initial: InitialConditions,
    beta: Float[np.ndarray, " sample"],
    *,
    resolution: int,
    times: Float[np.ndarray, " time"],
) -> Float[np.ndarray, "sample time x"]:
    """Solve ∂ₜu + β ∂ₓu = 0 on the periodic [0, 1): u(x, t) = u₀((x − βt) mod 1), without numerical error.

    Args:
        initial: the functions u₀, one per sample.
        beta: speed of each sample, domain lengths per unit of time.
        resolution: number of cells; values are given at their centres.
        times: times of the frames.

    Returns:
        Point values u[sample, time, x], float64.
    """
    x = cell_centres(resolution)
    frames = [initial((x[None, :] - np.asarray(beta, np.float64)[:, None] * t) % 1.0) for t in times]
    return np.stack(frames, axis=1)
