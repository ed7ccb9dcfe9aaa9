"""The Kuramoto-Sivashinsky equation, solved by Fourier modes."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float

from cape.datasets.equations.equation import EQUATIONS, Equation, Parameter
from cape.datasets.simulate.random_numbers import uniform_numbers
from cape.datasets.symmetries import Symmetries

LENGTH = 60.0  # of the periodic domain, which has about seven cells at ν = 1
POINTS = 192  # fewest internal points; at ν = 0.6 their error is below that of the time step
STEP = 0.02  # longest time step; at ν = 0.6 its error is below 1e-3 at t = 30, after five Lyapunov times
SPIN_UP = 60.0  # time from smooth waves to an initial condition, at ν = 1
_LONGEST_WAVES = 8
_SPIN_UP_POINTS, _SPIN_UP_STEP, _BATCH = 128, 0.25, 16


@dataclass(frozen=True)
class FourierSeries:
    """Functions u₀(x) = Re ∑ₖ cₖ exp(2πikx/length), one per sample."""

    coefficients: Complex[np.ndarray, "sample k"]
    length: float

    def __call__(self, x: Float[np.ndarray, " point"]) -> Float[np.ndarray, "sample point"]:
        """Evaluate at points x."""
        k = np.arange(self.coefficients.shape[1])
        return (self.coefficients @ np.exp(2j * np.pi * np.outer(k, x) / self.length)).real

    def select(self, samples: slice | np.ndarray) -> "FourierSeries":
        """Return these samples only."""
        return FourierSeries(self.coefficients[samples], self.length)


def developed_states(seed: int, samples: int) -> FourierSeries:
    """Draw states of developed chaos at ν = 1, of mean zero.

    Each starts as a sum of eight sines with the longest wavelengths, of amplitudes in [0, 1) and any phases, and is
    solved for 60 units of time. Batches have one size, so that sample i does not depend on the number of samples.

    Raises:
        ValueError: fewer than one sample is asked for.
    """
    from cape.datasets.schemes import kuramoto_sivashinsky as scheme

    uniform = uniform_numbers(seed, "kuramoto-sivashinsky", samples, 2 * _LONGEST_WAVES)
    amplitudes, phases = uniform.reshape(samples, 2, _LONGEST_WAVES).swapaxes(0, 1)
    start = np.zeros((-(-samples // _BATCH) * _BATCH, _SPIN_UP_POINTS // 2 + 1), np.complex128)
    start[:samples, 1 : 1 + _LONGEST_WAVES] = amplitudes * np.exp(2j * np.pi * phases)
    waves = np.fft.irfft(start, _SPIN_UP_POINTS, norm="forward") / 2
    times, nu = np.array([0.0, SPIN_UP]), np.ones(_BATCH)
    parts = waves.reshape(-1, _BATCH, _SPIN_UP_POINTS)
    states = np.concatenate([scheme.evolve(u0, nu, times, step=_SPIN_UP_STEP)[:, 1] for u0 in parts])
    spectrum = np.fft.rfft(states[:samples], norm="forward")
    retained = (_SPIN_UP_POINTS - 1) // 3 + 1  # the scheme keeps the other modes at zero
    coefficients = 2 * spectrum[:, :retained]
    coefficients[:, 0] = 0.0
    return FourierSeries(coefficients, LENGTH)


def solve(
    initial: FourierSeries,
    nu: Float[np.ndarray, " sample"],
    *,
    resolution: int,
    times: Float[np.ndarray, " time"],
    points: int = POINTS,
    step: float = STEP,
) -> Float[np.ndarray, "sample time x 1"]:
    """Solve ∂ₜu + ∂ₓ(u²/2) = −∂ₓₓu − ν ∂ₓₓₓₓu on the periodic [0, 60).

    Solutions are chaotic. Two that are close separate by a factor e in one Lyapunov time, which is about 8 at ν = 0.7,
    12 at ν = 1 and 16 at ν = 1.3 (benchmarks/lyapunov_times.py). The default of 30 units of time is two to four of
    these times.

    The scheme (`schemes.kuramoto_sivashinsky.evolve`) runs on a finer grid that contains every cell's centre.

    Args:
        initial: the functions u₀, one per sample.
        nu: hyperviscosity ν of each sample.
        resolution: number of cells; values are given at their centres.
        times: increasing times of the frames; the first one is the time of the initial condition.
        points: fewest internal points.
        step: longest time step.

    Returns:
        Point values u[sample, time, x, 1], float64.
    """
    from cape.datasets.schemes import kuramoto_sivashinsky as scheme

    factor = -(-points // resolution)
    fine = LENGTH * (0.5 + np.arange(factor * resolution) / factor) / resolution
    return scheme.evolve(initial(fine), nu, times, step=step)[:, :, ::factor, None]


kuramoto_sivashinsky = EQUATIONS.add(
    Equation(
        "kuramoto-sivashinsky",
        (Parameter("nu", "nu", 0.0, zero=False, meaning="hyperviscosity ν"),),
        solve,
        "1D_KuramotoSivashinsky",
        developed_states,
        title="the Kuramoto-Sivashinsky equation",
        formula="∂ₜu + ∂ₓ(u²/2) = −∂ₓₓu − ν ∂ₓₓₓₓu",
        scheme="by Fourier modes and exponential time steps of fourth order, in float64 on a finer grid",
        length=LENGTH,
        frames=61,
        t_end=30.0,
        finest=256,
        symmetries=Symmetries(reflection=-1, galilean=True),
    )
)
