"""Simple fields for tests of solvers, and the error of a solution."""

from types import SimpleNamespace

import numpy as np

from cape.datasets.simulate.cells import cell_centres


class SimpleWaves(SimpleNamespace):
    """An initial condition given by a function of x [sample, point]."""

    def __init__(self, function):
        super().__init__(function=function)

    def __call__(self, x):
        return self.function(np.atleast_2d(x))


def sine(wave_number, amplitude=1.0):
    return SimpleWaves(lambda x: amplitude * np.sin(2 * np.pi * np.array(wave_number) * x))


def relative_error(u, exact):
    return np.sqrt(((u - exact) ** 2).sum() / (exact**2).sum())


def grid(n, length=1.0):
    return np.meshgrid(length * cell_centres(n), length * cell_centres(n), indexing="ij")


def homogeneous(values, n=8):
    return np.broadcast_to(np.array(values)[:, None, None, :], (len(values), n, n, 2))
