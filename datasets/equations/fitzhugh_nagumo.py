"""FitzHugh-Nagumo reaction and diffusion between walls, solved by cosine modes."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cape.datasets.equations.equation import EQUATIONS, Equation, Parameter
from cape.datasets.simulate.cells import cell_centres
from cape.datasets.simulate.random_numbers import uniform_numbers
from cape.datasets.symmetries import Symmetries

LENGTH = 2.0  # side of the square [−1, 1]²
POINTS = 128  # fewest internal points per axis; fronts are about 0.1 wide
STEP = 0.2  # longest time step; its error is below 1e-3, the error of jumps on the internal grid


@dataclass(frozen=True)
class Patches:
    """Excited squares in a state of rest on [−1, 1]²; channels u and v have one value inside, one outside."""

    corners: np.ndarray  # [sample, patch, 2]: lower corners
    side: float
    inside: tuple[float, float]
    outside: tuple[float, float]

    def __call__(self, x: np.ndarray, y: np.ndarray, width: float = 0.0) -> Float[np.ndarray, "sample x y 2"]:
        """Evaluate at the points of a grid or, for a positive `width`, average over cells of this width around them."""
        along_x, along_y = (self._covered(points, axis, width) for axis, points in enumerate((x, y)))
        free = np.prod(1 - along_x[:, :, :, None] * along_y[:, :, None, :], axis=1)[..., None]
        return np.array(self.inside) * (1 - free) + np.array(self.outside) * free

    def _covered(
        self, points: np.ndarray, axis: int, width: float
    ) -> Float[np.ndarray, "sample patch point"]:
        """Return the fraction of every cell, or whether every point, lies in a patch, along one axis."""
        start = self.corners[:, :, axis, None]
        if width == 0.0:
            return ((points >= start) & (points < start + self.side)).astype(np.float64)
        low, high = points - width / 2, points + width / 2
        covered = np.minimum(high, start + self.side) - np.maximum(low, start)
        return np.clip(covered / width, 0.0, 1.0)

    def select(self, samples: slice | np.ndarray) -> "Patches":
        """Return these samples only."""
        return Patches(self.corners[samples], self.side, self.inside, self.outside)


def random_patches(seed: int, samples: int) -> Patches:
    """Draw six squares per sample, with sides of a tenth of the domain.

    Inside, u = 0 and v = 1; outside, u = 0.95 and v = 0.05.

    Raises:
        ValueError: fewer than one sample is asked for.
    """
    side = 0.2
    uniform = uniform_numbers(seed, "random-patches", samples, 12).reshape(samples, 6, 2)
    return Patches(-1 + (2 - side) * uniform, side, inside=(0.0, 1.0), outside=(0.95, 0.05))


def solve(
    initial: Patches,
    diffusion_u: Float[np.ndarray, " sample"],
    diffusion_v: Float[np.ndarray, " sample"],
    k: Float[np.ndarray, " sample"],
    *,
    resolution: int,
    times: Float[np.ndarray, " time"],
    points: int = POINTS,
    step: float = STEP,
) -> Float[np.ndarray, "sample time x y 2"]:
    """Solve FitzHugh-Nagumo on [−1, 1]² without flux through the walls; channels u and v.

    ∂ₜu = Du ∇²u + u − u³ − k − v,  ∂ₜv = Dv ∇²v + u − v,  ∂ₙu = ∂ₙv = 0

    The scheme (`schemes.fitzhugh_nagumo.evolve`) runs on a finer grid that contains every cell's centre. It starts
    from cell averages, so that the area of a patch does not depend on the grid. The first frame has point values.

    Args:
        initial: the functions u₀ and v₀, both channels of every sample.
        diffusion_u: Du of each sample.
        diffusion_v: Dv of each sample.
        k: the constant k of the reaction of each sample.
        resolution: cells along each axis; values are given at their centres.
        times: increasing times of the frames; the first one is the time of the initial condition.
        points: fewest internal points along each axis.
        step: longest time step.

    Returns:
        Point values u[sample, time, x, y, channel], float64.
    """
    from cape.datasets.schemes import fitzhugh_nagumo as scheme

    factor = -(-points // resolution)
    factor += 1 - factor % 2  # odd: the middle one of the internal cells has the centre of the cell
    fine, coarse = (LENGTH * cell_centres(n) - 1 for n in (factor * resolution, resolution))
    averages = initial(fine, fine, width=LENGTH / len(fine))
    frames = scheme.evolve(averages, diffusion_u, diffusion_v, k, times, step=step)
    frames = np.ascontiguousarray(frames[:, :, factor // 2 :: factor, factor // 2 :: factor])
    frames[:, 0] = initial(coarse, coarse)
    return frames


fitzhugh_nagumo = EQUATIONS.add(
    Equation(
        "fitzhugh-nagumo",
        (
            Parameter("Du", "Du", 0.0, zero=False, meaning="diffusion coefficient of u"),
            Parameter("Dv", "Dv", 0.0, zero=False, meaning="diffusion coefficient of v"),
            Parameter("k", "k", meaning="constant of the reaction"),
        ),
        solve,
        "2D_FitzHughNagumo",
        random_patches,
        title="diffusion and reaction (FitzHugh-Nagumo)",
        formula="∂ₜu = Du ∇²u + u − u³ − k − v,  ∂ₜv = Dv ∇²v + u − v",
        scheme="by cosine modes and exponential time steps of fourth order, in float64 on a finer grid",
        dimension=2,
        channels=("u", "v"),
        length=LENGTH,
        origin=-1.0,
        boundary="wall",
        resolution=64,
        frames=21,
        t_end=20.0,
        finest=192,
        symmetries=Symmetries(isometries=()),
    )
)
