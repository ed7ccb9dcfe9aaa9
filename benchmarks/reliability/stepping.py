"""Use pretrained folders as users do: load them and roll out one step; and make a small one."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import traceback
import warnings
from pathlib import Path

import numpy as np

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ.setdefault(
    "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)

import cape  # noqa: E402
import cape.datasets
import cape.solvers

POINTS = (
    64  # of a grid that a configuration may ask for; larger ones are the step's own cost, not that of loading
)


def step(path: Path) -> str:
    """Load a surrogate and roll it out by one step; return a digest of the frame.

    A configuration may name any grid: the step takes a small one then, and may be refused.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        surrogate = cape.load(path)
        problem = surrogate.problem
        resolution = tuple(min(n, POINTS) for n in problem.resolution)
        history = surrogate.window.history
        shape = (1, *((history,) if history > 1 else ()), *resolution, len(problem.channels))
        u = 0.01 * np.sin(np.arange(np.prod(shape), dtype=np.float64)).reshape(shape).astype(np.float32)
        try:
            frames = surrogate.rollout(u, np.array(problem.low, np.float32), 1)
        except ValueError as error:
            if not _raised_by_the_package(error):
                raise
            raise ValueError(f"{path}: one step is refused: {error}") from error
    return hashlib.sha256(np.asarray(frames).tobytes()).hexdigest()


def _raised_by_the_package(error: BaseException) -> bool:
    """Return whether an error comes from a line of this package, and not of a library that it calls."""
    module = traceback.extract_tb(error.__traceback__)[-1].filename
    packages = {Path(m.__file__).parent for m in (cape, cape.datasets, cape.solvers)}
    return any(Path(module).is_relative_to(package) for package in packages)


def write_surrogates(folder: Path) -> list[Path]:
    """Write small untrained surrogates of several architectures; return their pretrained folders."""
    from flax import nnx

    from cape.datasets.split_file import write_split
    from cape.model.conditionings.film import FiLMConfig
    from cape.model.config import ModelConfig
    from cape.problem import Problem
    from cape.solvers.fno import FNOConfig
    from cape.solvers.unet import UNetConfig
    from cape.surrogate import Surrogate

    one = Problem(
        equation="burgers",
        channels=("u",),
        parameters=("Nu",),
        boundaries=("periodic",),
        resolution=(16,),
        origin=(0.03125,),
        length=(1.0,),
        dt=0.1,
        steps=5,
        channel_mean=(0.0,),
        channel_std=(1.0,),
        low=(0.01,),
        high=(1.0,),
        values=((0.01,), (1.0,)),
    )
    two = Problem(
        equation="gray-scott",
        channels=("A", "B"),
        parameters=("F", "k"),
        boundaries=("periodic", "wall"),
        resolution=(16, 16),
        origin=(0.0, 0.0),
        length=(1.0, 1.0),
        dt=1.0,
        steps=4,
        channel_mean=(0.0, 0.0),
        channel_std=(1.0, 1.0),
        low=(0.01, 0.05),
        high=(0.1, 0.07),
    )
    small = FNOConfig(width=4, modes=2, layers=1, projection=4, kernel=0)
    models = {
        "fno": (one, ModelConfig(small)),
        "film": (one, ModelConfig(small, FiLMConfig(width=4), normalisation="channel", history=2, bundle=2)),
        "u-net": (two, ModelConfig(UNetConfig(features=2, levels=2), FiLMConfig(width=4))),
    }
    written = []
    for name, (problem, model) in models.items():
        surrogate = Surrogate(problem, model, rngs=nnx.Rngs(0))
        surrogate.trained_on = (0, 1, 2)
        surrogate.save(folder / name)
        write_split(folder / name, (0, 1), (2,), ("a" * 64, "b" * 64))
        written.append(folder / name)
    return written


def prepared(folder: Path) -> dict[str, str]:
    """Write surrogates and a run in a process of its own, as forks of one that computes with JAX would hang.

    Returns:
        The digest of the first step of every surrogate, by its name.
    """
    process = multiprocessing.get_context("fork").Process(target=_prepare, args=(folder,))
    process.start()
    process.join()
    return json.loads((folder / "digests.json").read_text())


def _prepare(folder: Path) -> None:
    from corpus_folders import write_run

    digests = {path.name: step(path) for path in write_surrogates(folder)}
    write_run(folder / "run")
    (folder / "digests.json").write_text(json.dumps(digests))
