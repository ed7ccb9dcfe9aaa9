"""Print the Lyapunov times of the Kuramoto-Sivashinsky equation as it is simulated here.

    python benchmarks/lyapunov_times.py [--nu 0.6 1.0 1.5]

Two trajectories that start close to each other separate by a factor e in one Lyapunov time, on average. Each of 24
developed states gets a neighbour at a small distance. Both are solved for 10 units of time, 30 times; the distance is
then made small again, and its growth is recorded. The first 5 times are left out.
"""

import argparse

import numpy as np

from cape.datasets.equations.kuramoto_sivashinsky import LENGTH, developed_states
from cape.datasets.schemes.kuramoto_sivashinsky import evolve
from cape.datasets.simulate.cells import cell_centres

SAMPLES, POINTS, DISTANCE = 24, 128, 1e-6
DURATION, REPEATS, LEFT_OUT = 10.0, 30, 5


def main() -> None:
    """Print a line for each hyperviscosity."""
    parser = argparse.ArgumentParser(description="Lyapunov times of the Kuramoto-Sivashinsky equation.")
    parser.add_argument("--nu", type=float, nargs="+", default=[0.6, 0.7, 1.0, 1.3, 1.5])
    for nu in parser.parse_args().nu:
        exponents = lyapunov_exponents(nu)
        error = exponents.std(ddof=1) / np.sqrt(SAMPLES)
        print(
            f"nu = {nu:g}: exponent {exponents.mean():.3f} ± {error:.3f}, time {1 / exponents.mean():.1f}, "
            f"so 30 units of time are {30 * exponents.mean():.1f}"
        )


def lyapunov_exponents(nu: float) -> np.ndarray:
    """Return the largest exponent, estimated from each trajectory."""
    states = developed_states(1, SAMPLES)(LENGTH * cell_centres(POINTS))
    directions = np.random.default_rng(0).normal(size=states.shape)
    near = states + placed(directions - directions.mean(axis=1, keepdims=True))
    growth = np.zeros(SAMPLES)
    for repeat in range(REPEATS):
        both = np.concatenate([states, near])
        states, near = np.split(evolve(both, np.full(2 * SAMPLES, nu), [0.0, DURATION], step=0.1)[:, 1], 2)
        difference = near - states
        if repeat >= LEFT_OUT:
            growth += np.log(np.linalg.norm(difference, axis=1) / DISTANCE)
        near = states + placed(difference)
    return growth / (DURATION * (REPEATS - LEFT_OUT))


def placed(difference: np.ndarray) -> np.ndarray:
    """Scale each row to the small distance."""
    return DISTANCE * difference / np.linalg.norm(difference, axis=1, keepdims=True)


if __name__ == "__main__":
    main()
