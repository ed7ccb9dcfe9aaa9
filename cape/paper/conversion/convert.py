"""Conversion: weights of the published PyTorch implementation become a pretrained folder of ours."""

import dataclasses
import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from cape.datasets.opening import open_files
from cape.model.config import ModelConfig, PaperCape, PaperFNO
from cape.paper.conversion.architecture import BLOCK, Architecture
from cape.paper.conversion.torch_checkpoint import Tensors, read_checkpoint
from cape.paper.conversion.weights import load_surrogate
from cape.pretrained import load, save
from cape.problem import Problem
from cape.surrogate import Surrogate


@dataclasses.dataclass(frozen=True)
class FromFiles:
    """The problem as the files of the training tell it.

    Attributes:
        files: files or folders.
        space_stride, time_stride: every n-th point of each axis, every n-th frame was trained on; a stride in
            space of 0 finds the grid that a CAPE block is tied to, else takes all.
        parameters: names of the parameters in the order of the weights, where there are several.
    """

    files: tuple[str, ...]
    space_stride: int = 0
    time_stride: int = 1
    parameters: tuple[str, ...] = ()

    def problem(self, architecture: Architecture) -> Problem:
        trajectories = open_files(list(self.files))
        stride = self.space_stride
        if not stride and architecture.resolution and trajectories.dimension == len(architecture.resolution):
            stride = max(trajectories.resolution[0] // architecture.resolution[0], 1)
        return Problem.of(trajectories.subsample(space=stride or 1, time=self.time_stride))


@dataclasses.dataclass(frozen=True)
class Stated:
    """The problem as somebody states it who has no files.

    Attributes:
        values: the parameters' values that were trained on (two are a range), in the order of the weights.
        channels: names of the fields, in order.
        dt: time between two frames.
        steps: steps of the longest rollout trained on.
        resolution, origin, length: points, coordinate of the first point, and extent, per axis; an FNO is given
            coordinates, so that it needs the origin.
        equation: its name.
        boundaries: one for all axes, or one per axis.
    """

    values: Mapping[str, tuple[float, ...]]
    channels: tuple[str, ...] = ("u",)
    dt: float = 0.0
    steps: int = 0
    resolution: tuple[int, ...] = ()
    origin: tuple[float, ...] = ()
    length: tuple[float, ...] = (1.0,)
    equation: str = "unknown"
    boundaries: tuple[str, ...] = ("periodic",)

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(self.values)

    def problem(self, architecture: Architecture) -> Problem:
        resolution = self.resolution or architecture.resolution
        needed = {"--dt": self.dt, "--steps": self.steps, "--resolution": resolution}
        if isinstance(architecture.base, PaperFNO):
            needed["--origin"] = (
                self.origin
            )  # not half a cell: the published grids are every n-th point of finer ones
        if architecture.cape is not None or architecture.inputs > len(self.channels):
            needed["--parameter"] = self.parameters and all(self.values.values())
        missing = [option for option, value in needed.items() if not value]
        if missing:
            raise ValueError(
                f"weights do not tell {', '.join(missing)}: give them (see --help), or the files that were trained "
                "on by --data"
            )
        axes, values = architecture.dimension, tuple(self.values.values())
        origin = self.origin or tuple(
            length / n / 2 for length, n in zip(self.length, resolution, strict=False)
        )
        stated = {
            "equation": self.equation,
            "channels": self.channels,
            "parameters": self.parameters,
            "boundaries": _per_axis(self.boundaries, axes),
            "resolution": _per_axis(resolution, axes),
            "origin": _per_axis(origin, axes),
            "length": _per_axis(self.length, axes),
            "dt": self.dt,
            "steps": self.steps,
            "channel_mean": (0.0,) * len(self.channels),
            "channel_std": (1.0,) * len(self.channels),  # the published form does not normalise
            "low": tuple(map(min, values)),
            "high": tuple(map(max, values)),
            "values": tuple((v,) for v in sorted(values[0])) if len(values) == 1 else (),
        }
        return Problem.from_dict(stated)


def convert(
    checkpoint: str | Path, out: str | Path, description: FromFiles | Stated, entry: str = ""
) -> Surrogate:
    """Write the pretrained folder `out`, which `cape.load` opens, from published PyTorch weights.

    FNO and U-Net, by themselves, with the parameters as channels, or in CAPE, all in their published form; the
    outputs are equal to 1e-5 of the largest. See `read_checkpoint` for what is read and what is refused.

    Args:
        checkpoint: file written by torch.save.
        out: folder to write.
        description: what weights do not tell.
        entry: which of several state dicts in the file.

    Raises:
        ValueError: not such a checkpoint, or the description does not fit it.
        FileExistsError: `out` is there.
    """
    checkpoint, out = Path(checkpoint), Path(out)
    if out.exists():
        raise FileExistsError(f"{out}: is there already; choose another name")
    tensors = read_checkpoint(checkpoint, entry)
    try:
        surrogate = as_surrogate(tensors, description)
    except ValueError as error:
        raise ValueError(f"{checkpoint}: {error}") from error
    source = {
        "converted_from": checkpoint.name,
        "sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
    }
    partial = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        save(surrogate, partial, published=source)
        load(partial)  # it can be read, before it gets its name
        os.replace(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return surrogate


def as_surrogate(tensors: Mapping[str, np.ndarray], description: FromFiles | Stated) -> Surrogate:
    """Build the surrogate of published weights, which are named as by `uniform_names`.

    Raises:
        ValueError: they do not go together, or are not finite, or some belong to no known architecture.
    """
    bad = [name for name, array in tensors.items() if not np.isfinite(array).all()]
    if bad:
        raise ValueError(f"NaN or infinity in {', '.join(bad[:8])}")
    architecture = Architecture.of(Tensors(tensors))
    problem = description.problem(architecture)
    config = architecture.config(problem)
    surrogate = Surrogate(problem, config, rngs=nnx.Rngs(0))
    weights = Tensors(_in_order(tensors, config, problem, description.parameters))
    load_surrogate(surrogate, weights)
    if weights.unused:
        raise ValueError(f"tensors of no known architecture: {', '.join(sorted(weights.unused)[:8])}")
    one = jax.ShapeDtypeStruct((1, *problem.resolution, len(problem.channels)), jnp.float32)
    parameters = jax.ShapeDtypeStruct((1, len(problem.parameters)), jnp.float32)
    jax.eval_shape(lambda u, p: surrogate.at(p)(u), one, parameters)  # names a grid that does not fit
    return surrogate


def _in_order(
    tensors: Mapping[str, np.ndarray], config: ModelConfig, problem: Problem, given: tuple[str, ...]
) -> Mapping[str, np.ndarray]:
    """Put the inputs of the parameters, which the weights take as `given`, into the problem's order."""
    names = problem.parameters
    if not config.conditioned or given == names or (not given and len(names) == 1):
        return tensors
    if sorted(given) != sorted(names):
        raise ValueError(
            f"weights do not tell the order of the parameters: give all of {', '.join(names)} to --parameter, in the "
            f"order of the training; got {', '.join(given) or 'none'}"
        )
    if isinstance(config.conditioning, PaperCape):
        places, before = [f"{BLOCK}fc{i}a.weight" for i in range(3)], 0
    else:
        first = "fc0" if isinstance(config.base, PaperFNO) else "encoder1.enc1conv1"
        places, before = [f"model.{first}.weight"], len(problem.channels)
    columns = [before + given.index(name) for name in names]
    weights = {place: tensors[place].copy() for place in places}
    for place, weight in weights.items():
        weight[:, before : before + len(names)] = tensors[place][:, columns]
    return {**tensors, **weights}


def _per_axis(given: tuple, axes: int) -> tuple:
    """Repeat what is given once for all axes."""
    return given * axes if len(given) == 1 else given
