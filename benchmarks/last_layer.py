"""Print what a Bayesian posterior of the last linear layer does to burgers1d at Nu 0.0005.

    python benchmarks/last_layer.py [--seeds 0 1 2] [--given 1 4 16]

The errors of single steps are regressed on the features before the last layer of the network, with a normal prior whose
width maximises the evidence: linear, and in closed form. The given and the other trajectories are those of
benchmarks/adaptation.py. Errors are mean nRMSE of single steps and of rollouts, mean ± standard deviation over seeds.
"""

import argparse

import jax.numpy as jnp
import numpy as np
from adaptation import BURGERS, MOST, SETS, TESTS, of_equation
from table_text import spread

import cape
from cape.model.attention import modulation
from cape.solvers.layers.activation import gelu

NU = 5e-4
WIDTHS = 10.0 ** np.arange(-8, 5, 0.5)  # precision of the prior over that of the errors


def step_and_features(surrogate: cape.Surrogate, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the next frame, and the features before the last layer without their mean over space, in units of u."""
    p = jnp.full((len(u), 1), NU, jnp.float32)
    mean, std = u.mean(1, keepdims=True), u.std(1, keepdims=True)
    conditioning = surrogate.conditioning
    rates, vectors = conditioning.prepare(jnp.concatenate([p, std[:, 0], mean[:, 0]], -1))
    v = jnp.asarray((u - mean) / std)
    modulate, maps = modulation(vectors), []

    def keep(number, h):
        maps.append(modulate(number, h))
        return maps[-1]

    conditioning.base(jnp.concatenate([v, conditioning.propagator(v, rates)[1]], -1), keep)
    features = np.moveaxis(np.asarray(gelu(conditioning.base.project(maps[-1]))), 0, -1)
    return np.asarray(surrogate.at(p)(jnp.asarray(u))), (features - features.mean(1, keepdims=True)) * std


def posterior_mean(features: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Return the weights of a linear regression whose prior has the width that maximises the evidence.

    The errors of the points of a frame are not independent: a frame counts as one observation.
    """
    x, y = features.reshape(-1, features.shape[-1]).astype(np.float64), errors.ravel().astype(np.float64)
    frames, scale = len(features), x.std(0) + 1e-8
    x, y = x / scale / np.sqrt(len(y) / frames), y / np.sqrt(len(y) / frames)
    values, vectors = np.linalg.eigh(x.T @ x)
    values, projected = np.maximum(values, 0.0), vectors.T @ (x.T @ y)

    def evidence(width: float) -> float:
        precision = values + width * frames
        rest = (y @ y - projected @ (projected / precision)) / frames
        return -frames * np.log(rest) - np.log(precision / (width * frames)).sum()

    best = max(WIDTHS, key=evidence)
    return vectors @ (projected / (values + best * frames)) / scale


def nrmse(found: np.ndarray, truth: np.ndarray) -> float:
    with np.errstate(over="ignore", invalid="ignore"):  # a rollout may diverge
        return float(np.sqrt(((found - truth) ** 2).mean((2, 3)) / (truth**2).mean((2, 3))).mean())


def errors(surrogate: cape.Surrogate, weights: np.ndarray, tests: np.ndarray) -> tuple[float, float]:
    """Return the errors of single steps and of rollouts with a correction by the features."""

    def step(u):
        after, features = step_and_features(surrogate, u)
        return (after + (features @ weights)[..., None]).astype(np.float32)

    steps = tests.shape[1] - 1
    single = np.stack([step(tests[:, n]) for n in range(steps)], 1)
    frames = [tests[:, 0]]
    for _ in range(steps):
        frames.append(step(frames[-1]))
    return nrmse(single, tests[:, 1:]), nrmse(np.stack(frames[1:], 1), tests[:, 1:])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(SETS)))
    parser.add_argument("--given", type=int, nargs="+", default=[1, 4, 16])
    options = parser.parse_args()
    u = of_equation("burgers", BURGERS, {"Nu": str(NU)}, MOST * SETS + TESTS).read()
    tests, surrogate = u[MOST * SETS :], cape.load("burgers1d")
    print("| given trajectories | error of single steps | error of rollouts |\n|---|---|---|")
    before = errors(surrogate, np.zeros(surrogate.conditioning.base.project.weight.shape[-1]), tests)
    print(f"| none | {before[0]:.3f} | {before[1]:.3f} |", flush=True)
    for given in options.given:
        found = []
        for seed in options.seeds:
            few = u[MOST * seed : MOST * seed + given]
            start, truth = (a.reshape(-1, *u.shape[2:]) for a in (few[:, :-1], few[:, 1:]))
            after, features = step_and_features(surrogate, start)
            found.append(errors(surrogate, posterior_mean(features, truth - after), tests))
        single, rolled = zip(*found, strict=True)
        print(f"| {given} | {spread(single)} | {spread(rolled)} |", flush=True)


if __name__ == "__main__":
    main()
