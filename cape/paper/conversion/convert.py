"""Conversion: make a pretrained folder from weights of the published PyTorch implementation."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from cape.atomic import replacing
from cape.datasets.lock import locked_path
from cape.paper.conversion.architecture import BLOCK, Architecture
from cape.paper.conversion.described_problem import ProblemDescription
from cape.paper.conversion.torch_checkpoint import FIRST, Tensors, read_checkpoint
from cape.paper.conversion.weights import load_surrogate
from cape.pretrained import load, save
from cape.problem import Problem
from cape.surrogate import Surrogate


def convert(
    checkpoint: str | Path, out: str | Path, description: ProblemDescription, entry: str = ""
) -> Surrogate:
    """Write the pretrained folder `out`, which `cape.load` opens, from published PyTorch weights.

    Converts FNO and U-Net in their published form: unconditioned, with the parameters as channels, or in CAPE. The
    outputs agree to 1e-5 of the largest value. See `read_checkpoint` for the accepted files.

    Args:
        checkpoint: file written by torch.save.
        out: folder to write.
        description: the problem, which weights do not contain.
        entry: which of several state dicts in the file.

    Raises:
        ValueError: the file is not such a checkpoint, or the description does not fit it.
        FileExistsError: `out` exists.
        FolderInUse: another process is writing `out`.
    """
    checkpoint, out = Path(checkpoint), Path(out)
    if out.exists():
        raise FileExistsError(f"{out}: already exists; choose another name")
    tensors = read_checkpoint(checkpoint, entry)
    try:
        surrogate = as_surrogate(tensors, description)
    except ValueError as error:
        raise ValueError(f"{checkpoint}: {error}") from error
    source = {
        "converted_from": checkpoint.name,
        "sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
    }
    with locked_path(out), replacing(out) as folder:
        save(surrogate, folder, publication=source)
        load(folder)  # check that it can be read before it gets its name
    return surrogate


def as_surrogate(tensors: Mapping[str, np.ndarray], description: ProblemDescription) -> Surrogate:
    """Build the surrogate of published weights that are named as by `uniform_names`.

    Raises:
        ValueError: the weights do not fit the description, are not finite, or belong to no known architecture.
    """
    bad = [name for name, array in tensors.items() if not np.isfinite(array).all()]
    if bad:
        raise ValueError(f"NaN or infinity in {', '.join(bad[:8])}")
    architecture = Architecture.of(Tensors(tensors))
    problem = description.problem(architecture)
    config = architecture.config(problem)
    surrogate = Surrogate(problem, config, rngs=nnx.Rngs(0))
    if config.conditioning.uses_parameters:
        tensors = _in_problem_order(tensors, architecture, problem, description.parameter_order)
    weights = Tensors(tensors)
    load_surrogate(surrogate, weights)
    if weights.unused:
        raise ValueError(f"tensors of no known architecture: {', '.join(sorted(weights.unused)[:8])}")
    _check_grid(surrogate)
    return surrogate


def _in_problem_order(
    tensors: Mapping[str, np.ndarray], architecture: Architecture, problem: Problem, given: tuple[str, ...]
) -> Mapping[str, np.ndarray]:
    """Reorder the weights that multiply the parameters from the order `given` to the problem's order."""
    names = problem.parameters
    if given == names or (not given and len(names) == 1):
        return tensors
    if sorted(given) != sorted(names):
        raise ValueError(
            f"parameters: the weights do not contain their order; give all of {', '.join(names)} in the order of the "
            f"training, got {', '.join(given) or 'none'}"
        )
    if architecture.cape is not None:
        inputs, before = [f"{BLOCK}fc{i}a.weight" for i in range(3)], 0
    else:
        inputs = [name for name in (f"model.{first}" for first in FIRST) if name in tensors]
        before = len(problem.channels)
    columns = [before + given.index(name) for name in names]
    weights = {name: tensors[name].copy() for name in inputs}
    for name, weight in weights.items():
        weight[:, before : before + len(names)] = tensors[name][:, columns]
    return {**tensors, **weights}


def _check_grid(surrogate: Surrogate) -> None:
    """Trace one step without computing it; a grid that does not fit the architecture raises ValueError."""
    problem = surrogate.problem
    u = jax.ShapeDtypeStruct((1, *problem.resolution, len(problem.channels)), jnp.float32)
    p = jax.ShapeDtypeStruct((1, len(problem.parameters)), jnp.float32)
    jax.eval_shape(lambda u, p: surrogate.at(p)(u), u, p)
