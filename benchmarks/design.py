"""Design by gradients through a rollout: find an initial state of Burgers' equation that becomes a given state.

    python benchmarks/design.py --out design.png

The surrogate `burgers1d` is differentiated with respect to the initial state. The state that is found is given to the
numerical solver, which says how well it works. The script also prints the memory that the gradient of a long rollout
takes with checkpoints (as `cape.rollout.rollout` has them) and without.
"""

import argparse
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax

import cape
from cape.datasets.schemes.burgers import solve_from
from cape.rollout import rollout

POINTS, STEPS, MODES, ITERATIONS = 128, 2, 8, 40
NU = 0.02
SMOOTHNESS = 1e-5  # weight of the squared coefficients, so that one of many solutions is chosen
LONG = 400


def target_state() -> np.ndarray:
    """Return a hill and a dip of different widths, with mean 0."""
    x = (np.arange(POINTS) + 0.5) / POINTS
    u = 0.3 * np.exp(-(((x - 0.35) / 0.15) ** 2)) - 0.2 * np.exp(-(((x - 0.75) / 0.12) ** 2))
    return (u - u.mean()).astype(np.float32)


def state(coefficients: jax.Array) -> jax.Array:
    """Return the sum of the first waves as a state [1, x, 1]; coefficients are [2, wave]."""
    x = (jnp.arange(POINTS) + 0.5) / POINTS
    phases = 2 * jnp.pi * x[:, None] * jnp.arange(1, MODES + 1)
    return (jnp.cos(phases) @ coefficients[0] + jnp.sin(phases) @ coefficients[1])[None, :, None]


def design(surrogate: cape.Surrogate, target: np.ndarray) -> tuple[np.ndarray, float]:
    """Minimise the distance between the last frame and the target with L-BFGS; return the initial state and seconds."""
    step = surrogate.at(jnp.full((1, 1), NU))

    def distance(coefficients):
        last = rollout(step, state(coefficients), STEPS)[0, -1, :, 0]
        return jnp.mean((last - target) ** 2) + SMOOTHNESS * jnp.mean(coefficients**2)

    optimiser = optax.lbfgs()
    value_and_grad = optax.value_and_grad_from_state(distance)

    @jax.jit
    def advance(coefficients, memory):
        value, gradient = value_and_grad(coefficients, state=memory)
        updates, memory = optimiser.update(
            gradient, memory, coefficients, value=value, grad=gradient, value_fn=distance
        )
        return optax.apply_updates(coefficients, updates), memory

    spectrum = 2 * np.fft.rfft(target)[1 : MODES + 1] / POINTS
    coefficients = jnp.asarray(np.stack([spectrum.real, -spectrum.imag]), jnp.float32)
    memory = optimiser.init(coefficients)
    advance(coefficients, memory)  # compiles
    start = time.perf_counter()
    for _ in range(ITERATIONS):
        coefficients, memory = advance(coefficients, memory)
    found = np.asarray(state(coefficients))[0, :, 0]
    return found, time.perf_counter() - start


def memory_of_a_gradient(surrogate: cape.Surrogate, checkpoints: bool) -> float:
    """Return the megabytes that the gradient of a rollout of LONG steps takes, apart from its arguments and result."""
    step = surrogate.at(jnp.full((1, 1), NU))

    def plain(u):
        return jax.lax.scan(lambda u, _: (step(u),) * 2, u, length=LONG)[1][-1]

    def last(u):
        return (rollout(step, u, LONG)[:, -1] if checkpoints else plain(u)).sum()

    compiled = jax.jit(jax.grad(last)).lower(jnp.zeros((1, POINTS, 1))).compile()
    return compiled.memory_analysis().temp_size_in_bytes / 1e6


def draw(
    path: str, target: np.ndarray, initial: np.ndarray, predicted: np.ndarray, solved: np.ndarray
) -> None:
    """Draw the target, the initial state, and what becomes of it."""
    from cape.figures import style
    from cape.figures.palette import COLOURS

    x = (np.arange(POINTS) + 0.5) / POINTS
    with style.drawing(7.0, 3.2) as figure:
        axes = figure.subplots()
        axes.plot(x, initial, color=COLOURS[4], label="initial state that was found")
        axes.plot(x, target, color=COLOURS[6], lw=3, alpha=0.4, label="target")
        axes.plot(x, predicted, color=COLOURS[0], ls="--", label="surrogate")
        axes.plot(x, solved, color=COLOURS[1], ls=":", label="numerical solver")
        axes.set_xlabel("x")
        axes.set_ylabel("u")
        style.legend(figure, axes)
    print(style.save(figure, path))


def error(u: np.ndarray, target: np.ndarray) -> float:
    """Return the root mean square error over that of the target."""
    return float(np.sqrt(np.mean((u - target) ** 2) / np.mean(target**2)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", default="", help="figure to write")
    options = parser.parse_args()
    surrogate, target = cape.load("burgers1d"), target_state()
    initial, seconds = design(surrogate, target)
    predicted = np.asarray(surrogate.rollout(initial[None, :, None], {"Nu": NU}, STEPS))[0, -1, :, 0]
    times = surrogate.problem.dt * np.arange(STEPS + 1)
    solved = solve_from(initial[None].astype(np.float64), np.array([NU]), times)[0, -1]
    unchanged = solve_from(target[None].astype(np.float64), np.array([NU]), times)[0, -1]
    print(f"target at t = {times[-1]:g}, Nu = {NU:g}: {ITERATIONS} iterations in {seconds:.1f} s")
    print(f"error of the last frame, surrogate: {error(predicted, target):.4f}")
    print(f"error of the last frame, numerical solver: {error(solved, target):.4f}")
    print(f"error if the target itself is the initial state: {error(unchanged, target):.4f}")
    for checkpoints in (True, False):
        megabytes = memory_of_a_gradient(surrogate, checkpoints)
        print(
            f"gradient of {LONG} steps, {'with' if checkpoints else 'without'} checkpoints: {megabytes:.2f} MB"
        )
    if options.out:
        draw(options.out, target, initial, predicted, solved)


if __name__ == "__main__":
    main()
