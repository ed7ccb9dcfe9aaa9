"""The Gray-Scott reaction with diffusion in two dimensions, solved by Fourier modes."""

import functools
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from cape.datasets.equations.equation import EQUATIONS, Equation, Parameter
from cape.datasets.simulate.random_numbers import uniform_numbers
from cape.datasets.symmetries import Symmetries

LENGTH = 2.0  # side of the periodic square
DIFFUSION = (2e-5, 1e-5)  # of A and of B, as in public files of this equation
POINTS = 128  # fewest internal points per unit of length; half as many leave errors up to 10%
STEP = 2.0  # longest time step


@dataclass(frozen=True)
class Spots:
    """Bell-shaped spots of B in A: B = 1 − ∏ₘ (1 − hₘ gₘ), A = 1 − B, with Gaussians gₘ; channels A and B.

    Everything is periodic with period `length`. Arrays have one row per sample; a spot of height zero is absent.
    """

    centres: np.ndarray  # [sample, spot, 2]
    widths: np.ndarray  # [sample, spot]: standard deviations
    heights: np.ndarray  # [sample, spot]
    length: float

    def __call__(self, x: np.ndarray, y: np.ndarray) -> Float[np.ndarray, "sample x y 2"]:
        """Evaluate on the grid of points x and y; return float64 in [0, 1]."""
        along_x, along_y = (self._bell(points, axis) for axis, points in enumerate((x, y)))
        a = np.ones((len(self.centres), len(x), len(y)))
        for spot in range(self.centres.shape[1]):
            a *= 1 - self.heights[:, spot, None, None] * along_x[:, spot, :, None] * along_y[:, spot, None, :]
        return np.stack([a, 1 - a], axis=-1)

    def _bell(self, points: np.ndarray, axis: int) -> Float[np.ndarray, "sample spot point"]:
        distance = points - self.centres[:, :, axis, None]
        distance = (distance + self.length / 2) % self.length - self.length / 2  # to the nearest image
        return np.exp(-0.5 * (distance / self.widths[..., None]) ** 2)

    def select(self, samples: slice | np.ndarray) -> "Spots":
        """Return these samples only."""
        return Spots(self.centres[samples], self.widths[samples], self.heights[samples], self.length)


def random_spots(seed: int, samples: int, *, length: float = LENGTH) -> Spots:
    """Draw 2.5 to 10 spots per unit of area: centre anywhere, width in [0.03, 0.1), height in [0.3, 0.9).

    Raises:
        ValueError: fewer than one sample is asked for.
    """
    fewest, most = max(round(2.5 * length**2), 1), max(round(10 * length**2), 1)
    uniform = uniform_numbers(seed, "random-spots", samples, 1 + 4 * most)
    x, y, widths, heights = uniform[:, 1:].reshape(samples, 4, most).swapaxes(0, 1)
    count = fewest + np.floor((most - fewest + 1) * uniform[:, :1])
    return Spots(
        centres=length * (np.stack([x, y], axis=-1) - 0.5),
        widths=0.03 + 0.07 * widths,
        heights=np.where(np.arange(most) < count, 0.3 + 0.6 * heights, 0.0),
        length=length,
    )


def solve(
    initial: Spots,
    feed: Float[np.ndarray, " sample"],
    kill: Float[np.ndarray, " sample"],
    *,
    resolution: int,
    times: Float[np.ndarray, " time"],
    length: float = LENGTH,
    points: int = POINTS,
    step: float = STEP,
) -> Float[np.ndarray, "sample time x y 2"]:
    """Solve Gray-Scott on a periodic square around the origin; channels A and B.

    ∂ₜA = 2·10⁻⁵ ∇²A − A B² + F (1 − A),  ∂ₜB = 10⁻⁵ ∇²B + A B² − (F + k) B

    The scheme (`schemes.gray_scott.evolve`) runs on a finer grid that contains every cell's centre.

    Args:
        initial: the functions A₀ and B₀ ≥ 0, both channels of every sample.
        feed: F of each sample, per unit of time.
        kill: k of each sample, per unit of time.
        resolution: cells along each axis; values are given at their centres.
        times: increasing times of the frames; the first one is the time of the initial condition.
        length: side of the square. The diffusion coefficients do not depend on it.
        points: fewest internal points per unit of length.
        step: longest time step.

    Returns:
        Point values u[sample, time, x, y, channel], float64.
    """
    from cape.datasets.schemes import gray_scott as scheme

    factor = int(np.ceil(points * length / resolution))
    fine = length * ((0.5 + np.arange(factor * resolution) / factor) / resolution - 0.5)
    frames = scheme.evolve(initial(fine, fine), feed, kill, times, length=length, step=step)
    return frames[:, :, ::factor, ::factor]


gray_scott = EQUATIONS.add(
    Equation(
        "gray-scott",
        (
            Parameter("F", "F", 0.0, meaning="feed rate F"),
            Parameter("k", "k", 0.0, meaning="kill rate k"),
        ),
        solve,
        "2D_GrayScott",
        random_spots,
        title="the Gray-Scott reaction",
        formula="∂ₜA = 2·10⁻⁵ ∇²A − A B² + F (1 − A),  ∂ₜB = 10⁻⁵ ∇²B + A B² − (F + k) B",
        scheme="by Fourier modes and exponential time steps of fourth order, in float64 on a finer grid",
        dimension=2,
        channels=("A", "B"),
        length=LENGTH,
        origin=-1.0,
        resolution=128,
        frames=101,
        t_end=1000.0,
        finest=256,
        symmetries=Symmetries(isometries=()),
    )
)
gray_scott_small = EQUATIONS.add(
    replace(
        gray_scott,
        name="gray-scott-small",
        solve=functools.partial(solve, length=1.0),
        file_prefix="2D_GrayScottSmall",
        initial_conditions=functools.partial(random_spots, length=1.0),
        title="the Gray-Scott reaction on a quarter of the usual area",
        length=1.0,
        origin=-0.5,
        resolution=64,
        frames=41,
        t_end=400.0,
        finest=128,
    )
)
