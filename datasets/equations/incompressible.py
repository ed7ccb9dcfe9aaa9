"""Forced incompressible flow in two dimensions (Navier-Stokes), solved by Fourier modes of its vorticity."""

import functools
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from cape.datasets.equations.equation import EQUATIONS, Equation, Parameter
from cape.datasets.simulate.random_numbers import normal_numbers
from cape.datasets.symmetries import Isometry, Symmetries

HIGHEST_MODE = 16  # of random fields; higher modes would hold at most 1e-4 of the variance


@dataclass(frozen=True)
class RandomField:
    """Real Fourier series w(x, y) = Re ∑ c[k, l] exp(2πi (k x + l y)) on the unit torus; one channel.

    k runs from −K to K and l from 0 to K.
    """

    coefficients: np.ndarray  # complex [sample, 2K + 1, K + 1]

    def __call__(self, x: np.ndarray, y: np.ndarray) -> Float[np.ndarray, "sample x y 1"]:
        """Evaluate on the grid of points x and y; return float64."""
        highest = self.coefficients.shape[2] - 1
        along_x = np.exp(2j * np.pi * np.outer(np.arange(-highest, highest + 1), x))
        along_y = np.exp(2j * np.pi * np.outer(np.arange(highest + 1), y))
        return (along_x.T @ self.coefficients @ along_y).real[..., None]

    def select(self, samples: slice | np.ndarray) -> "RandomField":
        """Return these samples only."""
        return RandomField(self.coefficients[samples])


def random_vorticity(
    seed: int, samples: int, *, alpha: float = 2.5, tau: float = 7.0, size: float | None = None
) -> RandomField:
    """Draw Gaussian random fields of mean zero and covariance τ^(2α − 2) (−∇² + τ²)^(−α) on the unit torus.

    Args:
        size: expected root mean square of the fields; None leaves it as it follows from the covariance: 0.18 for the
            default α and τ.

    Raises:
        ValueError: fewer than one sample is asked for.
    """
    k = np.arange(-HIGHEST_MODE, HIGHEST_MODE + 1)[:, None]
    l = np.arange(HIGHEST_MODE + 1)[None, :]  # noqa: E741
    one_of_each_pair = (l > 0) | (k > 0)
    deviation = tau ** (alpha - 1) * (4 * np.pi**2 * (k**2 + l**2) + tau**2) ** (-alpha / 2)
    deviation = np.sqrt(2) * deviation * one_of_each_pair
    if size is not None:
        deviation *= size / np.sqrt((deviation**2).sum())
    normal = normal_numbers(seed, "random-vorticity", samples, 2 * deviation.size)
    cosine, sine = normal.reshape(samples, 2, *deviation.shape).swapaxes(0, 1)
    return RandomField(deviation * (cosine - 1j * sine))


def solve(
    initial: RandomField,
    nu: Float[np.ndarray, " sample"],
    amplitude: Float[np.ndarray, " sample"],
    *,
    resolution: int,
    times: Float[np.ndarray, " time"],
    vorticity: float = 1.0,
    points: int | None = None,
    max_displacement: float = 1.0,
) -> Float[np.ndarray, "sample time x y 1"]:
    """Solve the incompressible Navier-Stokes equations on the unit torus; one channel, the vorticity w.

    ∂ₜw + (u·∇)w = ν ∇²w + f,  ∇·u = 0,  ∇×u = w,  f = a (sin 2π(x + y) + cos 2π(x + y))

    The scheme (`schemes.incompressible.evolve`) runs on a finer grid that contains every cell's centre.

    Args:
        initial: the vorticity w₀ of every sample.
        nu: viscosity ν of each sample.
        amplitude: a of each sample.
        resolution: cells along each axis; values are given at their centres.
        times: increasing times of the frames; the first one is the time of the initial condition.
        vorticity: typical size of w, for `points_for`.
        points: fewest internal points along each axis; None for `points_for`.
        max_displacement: sets the time step, see the scheme; it is stable up to 2.8.

    Returns:
        Point values w[sample, time, x, y, 1], float64.
    """
    from cape.datasets.schemes import incompressible as scheme

    factor = -(-(points or points_for(nu, vorticity)) // resolution)
    fine = (0.5 + np.arange(factor * resolution) / factor) / resolution  # beyond 1: periodic
    phase = 2 * np.pi * (fine[:, None] + fine[None, :])
    forcing = np.asarray(amplitude, np.float64)[:, None, None] * (np.sin(phase) + np.cos(phase))
    frames = scheme.evolve(initial(fine, fine)[..., 0], nu, forcing, times, max_displacement=max_displacement)
    return frames[:, :, ::factor, ::factor, None]


def points_for(nu: Float[np.ndarray, " sample"], vorticity: float = 1.0) -> int:
    """Return the number of points per axis that resolves the smallest ν, for vorticity w of this typical size.

    Filaments are about √(ν/w) wide. With 0.8 points in each, the highest retained mode, n/3, advances by 1.7 radians
    over one filament. The result lies between 64 and 256. The upper limit bounds the work: structures that would need
    more points are lost.
    """
    width = np.sqrt(np.min(nu) / vorticity)
    return int(np.clip(8 * np.ceil(0.1 / width), 64, 256))


# The force depends on x + y only, so it is constant along (1, −1). It changes its sign under a translation by half a
# period, as a vorticity does under a reflection. It is even around x = y = 1/16.
FORCED = Symmetries(
    translation=(1, -1),
    forced_isometries=(Isometry(exchange=True, sign=-1, shift=1 / 4), Isometry(reverse=True, shift=1 / 8)),
)

navier_stokes = EQUATIONS.add(
    Equation(
        "navier-stokes",
        (
            Parameter("nu", "nu", 0.0, zero=False, meaning="viscosity ν"),
            Parameter("forcing", "forcing", 0.0, meaning="amplitude a of the forcing"),
        ),
        solve,
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
        symmetries=FORCED,
    )
)
navier_stokes_eddies = EQUATIONS.add(
    replace(
        navier_stokes,
        name="navier-stokes-eddies",
        solve=functools.partial(solve, vorticity=5.0),
        file_prefix="2D_NavierStokesEddies",
        initial_conditions=functools.partial(random_vorticity, alpha=4.0, tau=20.0, size=5.0),
        title="incompressible flow that starts from strong eddies (Navier-Stokes, by its vorticity)",
        frames=21,
        t_end=4.0,
    )
)
