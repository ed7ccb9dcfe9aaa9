"""Prediction to a file: roll a surrogate out from initial conditions at one or many parameter values."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float
from tqdm import tqdm

from cape.datasets.simulate.writer import refuse_existing, writing
from cape.inference.initial_conditions import FromFiles, FromSimulator, Starts
from cape.inference.sweep import sweep
from cape.pretrained import load
from cape.problem import Problem
from cape.surrogate import Surrogate

_CHUNK_VALUES = 2**22  # numbers written at once: memory does not grow with the number of steps ...
_BATCH_VALUES = 2**18  # ... nor, as hidden maps are many times wider than fields, with that of samples
Advance = Callable[
    [Float[Array, "batch history *space channel"], Float[Array, "batch parameter"], int],
    Float[Array, "batch steps *space channel"],
]


def predict(
    model: str | Path,
    source: FromFiles | FromSimulator,
    out: str | Path,
    steps: int,
    parameter: Sequence[str] = (),
    *,
    seed: int = 0,
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    """Roll out from every initial condition at every parameter value, and write all frames, those given included.

    The file has the layout of simulated ones and appears whole or not at all. Its samples are all initial
    conditions at the first value, then all at the second, ...; `initial-condition` says which is which.

    Args:
        model: folder, or name of a shipped surrogate.
        source: where the initial conditions come from.
        parameter: "NAME=VALUES" for every parameter to be set, see `sweep`; the others keep the values of files.
        seed: parameters drawn from a range follow from it.

    Warns:
        Unseen: parameters, the grid, the number of steps or the time step are not as in training.

    Raises:
        ValueError: initial conditions, parameters or steps that do not fit (of several given frames those after the
            first belong to the parameters of their file), or a prediction that is not finite.
        FileExistsError: `out` is there and `overwrite` is false.
    """
    if steps < 1:
        raise ValueError(f"--steps: expected at least one step, got {steps}")
    out = Path(out)
    refuse_existing([out], overwrite)
    surrogate = load(model)
    problem = surrogate.problem
    starts = source.starts(problem, surrogate.window.history)
    values = sweep(problem, parameter, starts.parameters, starts.samples, seed)
    every = np.concatenate(values)
    surrogate.warn_unseen(problem.parameter_array(every, len(every)), starts.resolution, steps)
    advance, (given, bundle) = _compiled(surrogate), dataclasses.astuple(surrogate.window)
    if given > 1 and starts.parameters is not None:
        _check_given(given, starts.parameters, values)
    layout = _layout(problem, starts, every, given + steps, len(values))
    layout["attributes"]["generator"] = f"cape predict {Path(model).resolve().name}"
    frame = int(np.prod(starts.resolution)) * len(problem.channels)
    with (
        writing(out, **layout, overwrite=overwrite) as put,
        tqdm(total=len(every) * steps, unit="step", disable=not progress) as bar,
    ):
        most = max(1, min(_CHUNK_VALUES, _BATCH_VALUES) // frame)
        for rows, u0, p in _batches(starts, values, most):
            put(rows, slice(0, given), u0)
            chunk = max(1, min(steps, _CHUNK_VALUES // u0[:, 0].size) // bundle) * bundle  # no bundle is cut
            done = given
            for frames in _chunks(advance, problem, u0, p, steps, chunk):
                put(rows, slice(done, done + frames.shape[1]), frames)
                done += frames.shape[1]
                bar.update(frames.shape[0] * frames.shape[1])
    return out


def _batches(
    starts: Starts, values: list[np.ndarray], most: int
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Yield (samples of the file, the frames given, their parameters), equal batches of at most `most` samples.

    Either some of the initial conditions at one value, or all of them at some values: contiguous in the file.
    """
    samples = starts.samples
    at_once = _equal(samples, most)
    together = _equal(len(values), most // samples) if at_once == samples else 1
    for first in range(0, samples, at_once):
        rows = slice(first, min(first + at_once, samples))
        for number in range(0, len(values), together):
            parts = [value[rows] for value in values[number : number + together]]
            u0 = np.concatenate([starts.read(rows, part) for part in parts])
            begin = number * samples + rows.start
            yield slice(begin, begin + len(u0)), u0, np.concatenate(parts)


def _chunks(
    advance: Advance, problem: Problem, u0: np.ndarray, parameters: np.ndarray, steps: int, chunk: int
) -> Iterator[Float[np.ndarray, "batch steps *space channel"]]:
    """Yield the frames after those given, u0 [batch, history, *space, channel], at most `chunk` steps at a time."""
    p, u = problem.parameter_array(parameters, len(u0)), jnp.asarray(u0)
    history = u.shape[1]
    for done in range(0, steps, chunk):
        frames = advance(u, p, min(chunk, steps - done))
        u = jnp.concatenate([u, frames], 1)[:, -history:]
        gone = ~np.isfinite(np.asarray(u)).all(axis=tuple(range(1, u.ndim)))
        if gone.any():
            named = zip(problem.parameters, parameters[gone.argmax()], strict=True)
            where = ", ".join(f"{name} = {value:g}" for name, value in named)
            raise ValueError(
                f"the prediction is no longer finite after {done + frames.shape[1]} steps"
                f"{' at ' + where if where else ''}; ask for fewer steps or other values"
            )
        yield np.asarray(frames)


def _check_given(given: int, own: np.ndarray, values: list[np.ndarray]) -> None:
    """Raise ValueError where frames given together came about at other parameters than they shall be continued at."""
    if not all(np.allclose(value, own, rtol=1e-6) for value in values):
        raise ValueError(
            f"--parameter: a step takes {given} frames, and those of files came about at the files' own values; "
            "predict at those, or let --simulate make the frames at each value"
        )


def _compiled(surrogate: Surrogate) -> Advance:
    graphdef, state = nnx.split(surrogate)
    window = surrogate.window
    advance = jax.jit(
        lambda state, u, p, n: window.rollout(nnx.merge(graphdef, state).at(p), u, n), static_argnums=3
    )
    return lambda u, p, n: advance(state, u, p, n)


def _layout(problem: Problem, starts: Starts, parameters: np.ndarray, frames: int, values: int) -> dict:
    return {
        "parameters": parameters,
        "parameter_names": problem.parameters,
        "coordinates": starts.coordinates,
        "times": problem.dt * np.arange(frames),
        "initial_conditions": np.tile(starts.initial_conditions, values),
        "channel_names": problem.channels,
        "attributes": {"equation": problem.equation, "boundary": ", ".join(problem.boundaries)}
        | starts.attributes,
    }


def _equal(count: int, most: int) -> int:
    """Divide into parts of one size (one compilation), or nearly, of at most `most` (or one) each."""
    return -(-count // -(-count // max(most, 1)))
