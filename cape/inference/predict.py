"""Prediction to a file: roll a surrogate out from initial conditions, at one or many parameter values."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float
from tqdm import tqdm

from cape.datasets.simulate.writer import refuse_existing, writing
from cape.inference.initial_conditions import InitialConditions, InitialConditionSource
from cape.inference.sweep import sweep
from cape.pretrained import load
from cape.problem import Problem
from cape.surrogate import Surrogate

_CHUNK_VALUES = 2**22  # numbers written at once, so that memory does not grow with the number of steps
_BATCH_VALUES = 2**18  # numbers per frame of a batch: hidden maps are many times wider than fields
Advance = Callable[
    [Float[Array, "batch history *space channel"], Float[Array, "batch parameter"], int],
    Float[Array, "batch steps *space channel"],
]
Batch = tuple[slice, Float[np.ndarray, "batch history *space channel"], Float[np.ndarray, "batch parameter"]]


def predict(
    model: str | Path,
    source: InitialConditionSource,
    out: str | Path,
    steps: int,
    parameter: Sequence[str] = (),
    *,
    seed: int = 0,
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    """Roll out from every initial condition at every parameter value, and write all frames with the initial ones.

    The file has the layout of simulated files and is written atomically. Its samples are all initial conditions at the
    first value, then all at the second, and so on; the dataset `initial-condition` numbers them.

    Args:
        model: folder, or name of a shipped surrogate.
        source: where the initial conditions come from.
        out: file to write.
        steps: number of frames to predict.
        parameter: "NAME=VALUES" for each parameter to set, see `sweep`; other parameters keep the values of the files.
        seed: the random seed of parameters drawn from a range.
        overwrite: replace an existing file.
        progress: show a progress bar.

    Warns:
        OutOfDistributionWarning: parameters, grid, number of steps or time step differ from the training data.

    Raises:
        ValueError: initial conditions, parameters or steps do not fit the surrogate, or the prediction is not finite.
        FileExistsError: `out` exists and `overwrite` is false.
    """
    if steps < 1:
        raise ValueError(f"steps: expected at least one step, got {steps}")
    out = Path(out)
    refuse_existing([out], overwrite)
    surrogate = load(model)
    problem, history = surrogate.problem, surrogate.window.history
    initial = source.open(problem, history)
    values = sweep(problem, parameter, initial.parameters, initial.samples, seed)
    if history > 1 and initial.parameters is not None:
        _check_unchanged(history, initial.parameters, values)
    parameters = np.concatenate(values)
    surrogate.warn_out_of_distribution(
        problem.parameter_array(parameters, len(parameters)), initial.resolution, steps
    )
    layout = _layout(problem, initial, parameters, history + steps, len(values))
    layout["attributes"]["generator"] = f"cape predict {Path(model).resolve().name}"
    with (
        writing(out, **layout, overwrite=overwrite) as put,
        tqdm(total=len(parameters) * steps, unit="step", disable=not progress) as bar,
    ):
        for rows, first, frames in _predicted_frames(surrogate, initial, values, steps):
            put(rows, slice(first, first + frames.shape[1]), frames)
            if first > 0:  # predicted, not initial
                bar.update(frames.shape[0] * frames.shape[1])
    return out


def _predicted_frames(
    surrogate: Surrogate, initial: InitialConditions, values: list[np.ndarray], steps: int
) -> Iterator[tuple[slice, int, Float[np.ndarray, "batch frames *space channel"]]]:
    """Yield (samples of the file, number of the first frame, frames): the initial frames, then the predicted ones."""
    advance, history, bundle = _compiled(surrogate), surrogate.window.history, surrogate.window.bundle
    frame = int(np.prod(initial.resolution)) * len(surrogate.problem.channels) * surrogate.members
    if surrogate.members > 1:  # each member goes on from its own frames, so a rollout is not divided
        frame *= steps
    largest_batch = max(1, min(_CHUNK_VALUES, _BATCH_VALUES) // frame)
    for rows, u0, parameters in _batches(initial, values, largest_batch):
        yield rows, 0, u0
        largest_chunk = max(1, min(steps, _CHUNK_VALUES // u0[:, 0].size) // bundle) * bundle  # whole bundles
        largest_chunk = steps if surrogate.members > 1 else largest_chunk
        first = history
        for frames in _chunks(advance, surrogate.problem, u0, parameters, steps, largest_chunk):
            yield rows, first, frames
            first += frames.shape[1]


def _batches(initial: InitialConditions, values: list[np.ndarray], largest: int) -> Iterator[Batch]:
    """Yield (samples of the file, initial frames, parameters) in batches of equal size, at most `largest` samples.

    A batch holds some of the initial conditions at one parameter value, or all of them at some values. Its samples are
    contiguous in the file.
    """
    samples = initial.samples
    rows_at_once = _equal_parts(samples, largest)
    values_at_once = _equal_parts(len(values), largest // samples) if rows_at_once == samples else 1
    for first in range(0, samples, rows_at_once):
        rows = slice(first, min(first + rows_at_once, samples))
        for number in range(0, len(values), values_at_once):
            parts = [value[rows] for value in values[number : number + values_at_once]]
            u0 = np.concatenate([initial.read(rows, part) for part in parts])
            begin = number * samples + rows.start
            yield slice(begin, begin + len(u0)), u0, np.concatenate(parts)


def _chunks(
    advance: Advance, problem: Problem, u0: np.ndarray, parameters: np.ndarray, steps: int, largest: int
) -> Iterator[Float[np.ndarray, "batch steps *space channel"]]:
    """Yield the frames after u0 [batch, history, *space, channel], at most `largest` steps at a time."""
    p, u = problem.parameter_array(parameters, len(u0)), jnp.asarray(u0)
    history = u.shape[1]
    for done in range(0, steps, largest):
        frames = advance(u, p, min(largest, steps - done))
        u = jnp.concatenate([u, frames], 1)[:, -history:]
        diverged = ~np.isfinite(np.asarray(u)).all(axis=tuple(range(1, u.ndim)))
        if diverged.any():
            named = zip(problem.parameters, parameters[diverged.argmax()], strict=True)
            where = ", ".join(f"{name} = {value:g}" for name, value in named)
            raise ValueError(
                f"the prediction is no longer finite after {done + frames.shape[1]} steps"
                f"{' at ' + where if where else ''}; ask for fewer steps or other values"
            )
        yield np.asarray(frames)


def _check_unchanged(history: int, given: np.ndarray, values: list[np.ndarray]) -> None:
    """Raise ValueError if initial frames would be continued at other parameters than those of their file."""
    if not all(np.allclose(value, given, rtol=1e-6) for value in values):
        raise ValueError(
            f"parameter: a step takes {history} frames, and the frames of the files belong to the files' parameter "
            "values; predict at these values, or simulate the initial frames at each value"
        )


def _compiled(surrogate: Surrogate) -> Advance:
    """Compile the rollout; the weights are an argument of the program, not constants in it."""
    graphdef, state = nnx.split(surrogate)
    window = surrogate.window
    advance = jax.jit(
        lambda state, u, p, n: window.rollout(nnx.merge(graphdef, state).at(p), u, n), static_argnums=3
    )
    return lambda u, p, n: advance(state, u, p, n)


def _layout(
    problem: Problem, initial: InitialConditions, parameters: np.ndarray, frames: int, values: int
) -> dict:
    """Return the arguments of `writing` for the predicted file."""
    return {
        "parameters": parameters,
        "parameter_names": problem.parameters,
        "coordinates": initial.coordinates,
        "times": problem.dt * np.arange(frames),
        "initial_conditions": np.tile(initial.numbers, values),
        "channel_names": problem.channels,
        "attributes": {"equation": problem.equation, "boundary": ", ".join(problem.boundaries)}
        | initial.attributes,
    }


def _equal_parts(count: int, largest: int) -> int:
    """Return the size of equal parts (so that one compilation serves all) of at most `largest`, or of one."""
    return -(-count // -(-count // max(largest, 1)))
