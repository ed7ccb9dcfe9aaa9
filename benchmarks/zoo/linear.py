"""Exact solutions of linear equations with constant coefficients: a matrix exponential for every Fourier mode."""

import numpy as np
import scipy.linalg


def exact(symbol):
    """Return the solver of u_t = L u, where L multiplies mode k by the matrix symbol(values, *(1j * k)).

    `symbol` takes the parameter values and one array 1j k per axis, and returns a nested list [channel][channel] of
    arrays. Axes that end in walls are mirrored, so that fields have zero slope at them.
    """

    def solve(u0, values, equation):
        periodic = equation.boundary == "periodic"
        axes = tuple(range(1, u0.ndim - 1))
        whole = u0 if periodic else _mirrored(u0, axes)
        points, length = whole.shape[1:-1], equation.length * (1 if periodic else 2)
        numbers = [np.fft.fftfreq(n, 1 / n) for n in points]
        k = np.meshgrid(*(2 * np.pi / length * number for number in numbers), indexing="ij")
        entries = [
            [np.broadcast_to(e, points) for e in row] for row in symbol(values, *(1j * each for each in k))
        ]
        generator = np.moveaxis(np.array(entries, complex), (0, 1), (-2, -1))  # [*modes, channel, channel]
        step = scipy.linalg.expm(equation.dt * generator)
        modes, frames = np.fft.fftn(whole, axes=axes), [u0]
        for _ in range(equation.steps):
            modes = np.einsum("...ij,b...j->b...i", step, modes)
            u = np.fft.ifftn(modes, axes=axes).real
            frames.append(u[(slice(None), *(slice(n) for n in u0.shape[1:-1]))])
        return np.stack(frames, 1)

    return solve


def _mirrored(u, axes):
    for axis in axes:
        u = np.concatenate([u, np.flip(u, axis)], axis)
    return u


def advection_diffusion(p, dx):
    return [[-p["c"] * dx + p["nu"] * dx**2]]


def dispersion(p, dx):
    return [[p["c"] * dx**3]]


def hyper_diffusion(p, dx):
    return [[-p["mu"] * dx**4]]


def wave(p, dx):
    """u_t = v, v_t = c² u_xx."""
    return [[0 * dx, 1 + 0 * dx], [p["c"] ** 2 * dx**2, 0 * dx]]


def damped_wave(p, dx):
    """u_t = v, v_t = c² u_xx − gamma v."""
    return [[0 * dx, 1 + 0 * dx], [p["c"] ** 2 * dx**2, -p["gamma"] + 0 * dx]]


def advection_diffusion_2d(p, dx, dy):
    return [[-p["cx"] * dx - p["cy"] * dy + p["nu"] * (dx**2 + dy**2)]]
