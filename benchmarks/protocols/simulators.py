"""The simulators of the public protocols: each takes initial conditions, parameter values, times and the length.

They return frames [sample, time, *space, channel] of float64, the initial one included.
"""

import numpy as np
from scipy.fft import dstn, idstn

from cape.datasets.schemes import gray_scott, incompressible

DIFFUSION_OF_A = 0.204  # of Gray and Scott's A; half as much of B
_COMBINED_STEP = 2e-3


def combined(u0, p, times, length, step: float = _COMBINED_STEP):
    """Solve ∂ₜu + ∂ₓ(α u² − β ∂ₓu + γ ∂ₓₓu) = 0 on a periodic axis.

    Fourier modes, products dealiased by the rule of two thirds, the linear part exact, and the Runge-Kutta method of
    fourth order in the variable exp(−L t) u (Lawson 1967) for α u².
    """
    n = u0.shape[1]
    k = 2 * np.pi * np.fft.rfftfreq(n, length / n)
    alpha, beta, gamma = (p[name][:, None] for name in ("alpha", "beta", "gamma"))
    kept = np.arange(len(k)) <= n // 3
    rates = -beta * k**2 + 1j * gamma * k**3

    def steepen(modes):
        return -1j * k * kept * alpha * np.fft.rfft(np.fft.irfft(modes, n) ** 2)

    modes, frames = np.fft.rfft(u0[..., 0]) * kept, [u0[..., 0]]
    for duration in np.diff(times):
        substeps = int(np.ceil(duration / step - 1e-9))
        h = duration / substeps
        half = np.exp(rates * h / 2)
        for _ in range(substeps):
            first = steepen(modes)
            start = half * modes
            second = steepen(start + h / 2 * half * first)
            third = steepen(start + h / 2 * second)
            fourth = steepen(half * (start + h * third))
            modes = half * (start + h / 6 * (half * first + 2 * (second + third))) + h / 6 * fourth
        frames.append(np.fft.irfft(modes, n))
    return np.stack(frames, 1)[..., None]


def waves(u0, p, times, length):
    """Solve ∂ₜu = v, ∂ₜv = c² Δu − k v with u = 0 at the walls: exactly, for every mode of the sine series."""
    axes = tuple(range(1, u0.ndim - 1))
    numbers = np.meshgrid(*(np.arange(1, n + 1) for n in u0.shape[1:-1]), indexing="ij")
    squared = sum(number**2 for number in numbers) * (np.pi / length) ** 2
    c, k = (p[name].reshape(-1, *(1,) * len(axes)) for name in ("c", "k"))
    a, stiffness = k / 2, c**2 * squared
    omega = np.sqrt(stiffness - a**2 + 0j)
    u, v = (dstn(u0[..., channel], type=2, axes=axes) for channel in range(2))
    frames = []
    for t in times - times[0]:
        decay, cosine = np.exp(-a * t), np.cos(omega * t).real
        sine = (t * np.sinc(omega * t / np.pi)).real  # sin(ωt)/ω
        later = (
            decay * (cosine * u + sine * (a * u + v)),
            decay * (cosine * v - sine * (a * v + stiffness * u)),
        )
        frames.append(np.stack([idstn(each, type=2, axes=axes) for each in later], -1))
    return np.stack(frames, 1)


def flow(u0, p, times, length):
    """Solve ∂ₜw + (u·∇)w = ν Δw + s (sin 2π(x + y) + cos 2π(x + y)) / 10 on a torus, s = 0 if it is no parameter.

    The scheme runs on the unit torus, to which viscosities are scaled; vorticity and time stay as they are.
    """
    n = u0.shape[1]
    x = (np.arange(n) + 0.5) / n
    phase = 2 * np.pi * (x[:, None] + x[None, :])
    strength = p.get("forcing", np.zeros(len(u0)))[:, None, None]
    force = 0.1 * strength * (np.sin(phase) + np.cos(phase))
    nu = p["nu"] / length**2
    return incompressible.evolve(u0[..., 0], nu, force, times, max_displacement=2.0)[..., None]


def reaction(u0, p, times, length):
    """Solve Gray-Scott with the diffusion .204 of A and .102 of B on a torus, by a scheme of other units of length."""
    unit = np.sqrt(gray_scott.DIFFUSION[0] / DIFFUSION_OF_A)
    return gray_scott.evolve(u0, p["F"], p["k"], times, length=length * unit, step=1.0)
