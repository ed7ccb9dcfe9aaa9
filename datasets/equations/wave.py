"""Damped waves, solved exactly in Fourier space."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float

from cape.datasets.equations.equation import EQUATIONS, Equation, Parameter
from cape.datasets.simulate.cells import cell_centres
from cape.datasets.simulate.random_numbers import uniform_numbers
from cape.datasets.symmetries import Symmetries

_WAVE_NUMBERS = 4


@dataclass(frozen=True)
class Displacements:
    """Functions u₀ and v₀ on [0, 1), one pair per sample: ∑ₖ aₖ sin(2πkx + φₖ), with k from 1."""

    u: Complex[np.ndarray, "sample k"]  # aₖ exp(iφₖ)
    v: Complex[np.ndarray, "sample k"]

    def select(self, samples: slice | np.ndarray) -> "Displacements":
        """Return these samples only."""
        return Displacements(self.u[samples], self.v[samples])


def random_displacements(seed: int, samples: int) -> Displacements:
    """Draw u₀ and v₀ = ∂ₓg: both u₀ and g are sums of four sines, of amplitudes in [0, 1) / k and any phases.

    So u₀ and v₀ have mean zero, and v₀ makes waves of about the size of u₀ where c is about one.

    Raises:
        ValueError: fewer than one sample is asked for.
    """
    uniform = uniform_numbers(seed, "displacements", samples, 4 * _WAVE_NUMBERS)
    sizes_u, phases_u, sizes_g, phases_g = uniform.reshape(samples, 4, _WAVE_NUMBERS).swapaxes(0, 1)
    k = np.arange(1, _WAVE_NUMBERS + 1)
    u, g = (a / k * np.exp(2j * np.pi * phase) for a, phase in ((sizes_u, phases_u), (sizes_g, phases_g)))
    return Displacements(u, 2j * np.pi * k * g)


def solve(
    initial: Displacements,
    c: Float[np.ndarray, " sample"],
    gamma: Float[np.ndarray, " sample"],
    *,
    resolution: int,
    times: Float[np.ndarray, " time"],
) -> Float[np.ndarray, "sample time x 2"]:
    """Solve ∂ₜu = v, ∂ₜv = c² ∂ₓₓu − γ v on the periodic [0, 1), without numerical error; channels u and v.

    Every wave number is an oscillator (û, v̂). With a = γ/2 and ω² = (2πkc)² − a², it is advanced by the exponential
    of its 2 × 2 matrix: e^(−at) (cos ωt + (sin ωt)/ω [[a, 1], [−(2πkc)², −a]]). Above critical damping ω is imaginary.

    Args:
        initial: the functions u₀ and v₀, one pair per sample.
        c: speed of waves of each sample, in domain lengths per unit of time.
        gamma: damping rate γ of each sample, per unit of time.
        resolution: number of cells; values are given at their centres.
        times: times of the frames; the first one is the time of the initial condition.

    Returns:
        Point values u[sample, time, x, channel], float64.
    """
    t = np.asarray(times, np.float64)[:, None] - times[0]  # [time, k], as all below with [sample] in front
    k = np.arange(1, initial.u.shape[1] + 1)
    squared = ((2 * np.pi * k * np.asarray(c, np.float64)[:, None]) ** 2)[:, None]
    a = np.asarray(gamma, np.float64)[:, None, None] / 2
    omega = np.sqrt(squared - a**2 + 0j)
    cosine, sine = np.cos(omega * t).real, (t * np.sinc(omega * t / np.pi)).real
    u0, v0 = initial.u[:, None], initial.v[:, None]
    u = np.exp(-a * t) * ((cosine + a * sine) * u0 + sine * v0)
    v = np.exp(-a * t) * ((cosine - a * sine) * v0 - squared * sine * u0)
    waves = np.exp(2j * np.pi * np.outer(k, cell_centres(resolution)))
    return (np.stack([u, v], axis=-2) @ waves).imag.swapaxes(-2, -1)


wave = EQUATIONS.add(
    Equation(
        "wave",
        (
            Parameter("c", "c", 0.0, meaning="speed c"),
            Parameter("gamma", "gamma", 0.0, meaning="damping rate γ"),
        ),
        solve,
        "1D_Wave",
        random_displacements,
        title="damped waves",
        formula="∂ₜu = v,  ∂ₜv = c² ∂ₓₓu − γ v",
        scheme="exactly, in Fourier space",
        channels=("u", "v"),
        symmetries=Symmetries(tiling={"u": 0, "c": -1, "gamma": 0}, reflection=1),
    )
)
