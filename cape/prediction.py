"""Prediction to a file: roll a surrogate out from initial conditions on disk."""

from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from tqdm import tqdm

from cape.assignment import numbers
from cape.config import nearest
from cape.datasets.opening import open_files
from cape.datasets.simulate.writer import refuse_existing, writing
from cape.inputs import on_grid
from cape.pretrained import load
from cape.rollout import rollout

_CHUNK_VALUES = 2**22  # numbers per chunk: memory does not grow with the number of steps or samples


def predict(
    model: str | Path,
    initial: Sequence[str],
    out: str | Path,
    steps: int,
    parameter: Sequence[str] = (),
    samples: int = 0,
    space_stride: int = 0,
    *,
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    """Roll out from the first frame of every sample and write the frames, the first included, to `out`.

    The file has PDEBench's layout and appears whole or not at all; the rollout is written in chunks of time, so
    memory does not grow with its length.

    Args:
        parameter: "NAME=VALUE" for every parameter to be set; the others keep the values of the files.
        samples: use the first n samples; 0 for all.
        space_stride: use every n-th point of each axis; 0: as in training.

    Warns:
        OutsideTrainedRange: a parameter lies outside the trained range.

    Raises:
        ValueError: files, parameters or steps that do not fit, or a prediction that is not finite.
        FileExistsError: `out` is there and `overwrite` is false.
    """
    if steps < 1 or samples < 0:
        raise ValueError(f"expected at least one step and no less than 0 samples, got {steps} and {samples}")
    refuse_existing([Path(out)], overwrite)
    surrogate = load(model)
    problem = surrogate.problem
    start = on_grid(problem, open_files(list(initial)).first_frames(1), space_stride)
    start = start.select(np.arange(min(samples or start.samples, start.samples)))
    values = start.parameters.copy()
    for name, value in numbers(parameter, "--parameter").items():
        if name not in problem.parameters:
            raise ValueError(
                f"--parameter: the surrogate has no parameter {name!r}; {nearest(name, problem.parameters)}"
            )
        values[:, problem.parameters.index(name)] = value
    parameters = problem.parameter_array(values, start.samples)
    surrogate.warn_outside(parameters)

    graphdef, state = nnx.split(surrogate)
    frame = int(np.prod(start.resolution)) * len(problem.channels)
    batch = max(1, min(start.samples, _CHUNK_VALUES // frame))
    chunk = max(1, min(steps, _CHUNK_VALUES // (frame * batch)))
    advance = jax.jit(
        lambda state, u, p, n: rollout(nnx.merge(graphdef, state).at(p), u, n), static_argnums=3
    )
    attributes = {"equation": problem.equation, "boundary": problem.boundaries[0]}
    attributes["generator"] = f"cape predict {Path(model).resolve().name}"
    layout = {"coordinates": start.coordinates, "times": problem.dt * np.arange(steps + 1)}
    layout |= {"parameters": values, "parameter_names": problem.parameters, "channel_names": problem.channels}
    layout |= {"initial_conditions": start.initial_conditions, "attributes": attributes}
    with (
        writing(Path(out), **layout, overwrite=overwrite) as put,
        tqdm(total=start.samples * steps, unit="step", disable=not progress) as bar,
    ):
        for first in range(0, start.samples, batch):
            rows = slice(first, min(first + batch, start.samples))
            u0 = start.read(np.arange(rows.start, rows.stop))
            put(rows, slice(0, 1), u0)
            u = jnp.asarray(u0[:, 0])
            for done in range(0, steps, chunk):
                frames = advance(state, u, parameters[rows], min(chunk, steps - done))
                u = frames[:, -1]
                if not bool(jnp.isfinite(u).all()):
                    raise ValueError(
                        f"the prediction is no longer finite after {done + frames.shape[1]} steps"
                    )
                put(rows, slice(done + 1, done + 1 + frames.shape[1]), np.asarray(frames))
                bar.update((rows.stop - rows.start) * frames.shape[1])
    return Path(out)
