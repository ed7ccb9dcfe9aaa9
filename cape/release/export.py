"""Export: the whole rollout of a surrogate as one file that runs with jax and flatbuffers alone.

The file is a zip archive of two members, each with its checksum. `rollout.jax_export` is the output of `jax.export`
(StableHLO with the weights in it, for CPU, CUDA and TPU). `metadata.json` describes how to call it. docs/export.md has
the 20 lines that run it.
"""

import importlib.util
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from cape import __version__
from cape.atomic import write_bytes
from cape.datasets.lock import locked_path
from cape.pretrained import load
from cape.release.open_grid import open_grid
from cape.surrogate import Surrogate

FORMAT = 1
PROGRAM, METADATA = "rollout.jax_export", "metadata.json"
PLATFORMS = ("cpu", "cuda", "tpu")


def export(
    model: str | Path,
    out: str | Path,
    steps: int = 0,
    resolution: Sequence[int] = (),
    *,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write the rollout u0 [batch, *space, channel], parameters [batch, parameter] -> [batch, steps, *space, channel].

    The program includes normalisation, conditioning and weights; fields are in physical units, float32. It accepts any
    batch size. It accepts any grid of `open_grid`, unless `resolution` is given or the model works on one grid only.

    Args:
        model: whatever `cape.load` takes.
        out: file to write; it is written atomically.
        steps: number of frames that the rollout predicts; 0: the longest rollout of the training.
        resolution: grid points per axis; the file then accepts this grid only.
        overwrite: replace an existing file.

    Returns:
        The metadata in the file.

    Raises:
        ValueError: the model cannot be loaded, or cannot be rolled out for these steps or on this grid.
        FileExistsError: `out` exists and `overwrite` is false.
        FolderInUse: another process is writing `out`.
        ImportError: flatbuffers is missing.
    """
    require_flatbuffers()
    out = Path(out)
    if steps < 0:
        raise ValueError(f"steps: expected at least one step (0: as many as in training), got {steps}")
    if out.is_dir():
        raise ValueError(f"{out}: a folder, expected the name of a file to write")
    if out.exists() and not overwrite:
        raise FileExistsError(f"{out}: already there; choose another file or set overwrite")
    surrogate = load(model)
    steps = steps or surrogate.trained_steps
    grid = _grid(surrogate, resolution)
    metadata = describe(surrogate, steps, grid)
    members = {METADATA: json.dumps(metadata, indent=1).encode(), PROGRAM: _program(surrogate, steps, grid)}
    with locked_path(out):
        write_bytes(out, _archive(members))
    return metadata


def require_flatbuffers() -> None:
    """Raise ImportError with the command that installs flatbuffers, if it is missing."""
    if importlib.util.find_spec("flatbuffers") is None:
        raise ImportError("export needs flatbuffers: pip install 'cape-jax[export]'")


def describe(surrogate: Surrogate, steps: int, grid: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata of an exported rollout; `grid` is {"sizes"} or {"multiple_of", "at_least"}."""
    problem, history = surrogate.problem, surrogate.window.history
    return {
        "format": FORMAT,
        "equation": problem.equation,
        "inputs": {
            "u0": f"float32 [batch, {f'{history} frames, ' if history > 1 else ''}*space, channel]",
            "parameters": "float32 [batch, parameter]",
        },
        "history": history,
        "bundle": surrogate.window.bundle,
        "output": "float32 [batch, steps, *space, channel], u0 not included",
        "channels": problem.channels,
        "parameters": problem.parameters,
        "trained_range": {
            name: [low, high]
            for name, low, high in zip(problem.parameters, problem.low, problem.high, strict=True)
        },
        "trained_steps": surrogate.trained_steps,
        "trained_resolution": problem.resolution,
        "steps": steps,
        "dt": problem.dt,
        "grid": grid,
        "boundaries": problem.boundaries,
        "origin": problem.origin,
        "length": problem.length,
        "platforms": PLATFORMS,
        "versions": {"cape-jax": __version__, "jax": jax.__version__},
    }


def _grid(surrogate: Surrogate, resolution: Sequence[int]) -> dict[str, Any]:
    """Return the grids that the file accepts, as in its metadata."""
    problem = surrogate.problem
    if resolution and (len(resolution) != problem.dimension or min(resolution) < 1):
        raise ValueError(
            f"resolution: expected {problem.dimension} sizes of axes, such as {problem.resolution}, got {resolution}"
        )
    accepted = None if resolution else open_grid(surrogate)
    if accepted is None:
        return {"sizes": list(resolution or problem.resolution)}
    return {"multiple_of": accepted[0], "at_least": accepted[1]}


def _program(surrogate: Surrogate, steps: int, grid: dict[str, Any]) -> bytes:
    """Trace the rollout for all platforms and serialise it."""
    channels, parameters = len(surrogate.problem.channels), len(surrogate.problem.parameters)
    if "sizes" in grid:
        sizes, constraints = list(map(str, grid["sizes"])), []
    else:
        axes = "xyz"[: surrogate.problem.dimension]
        sizes = [f"{grid['multiple_of']}*{axis}" for axis in axes]
        constraints = [f"{axis} >= {grid['at_least'] // grid['multiple_of']}" for axis in axes]
    scope = jax.export.SymbolicScope(constraints)

    def argument(*shape: str) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(jax.export.symbolic_shape(", ".join(shape), scope=scope), jnp.float32)

    window = surrogate.window
    frames = [str(window.history)] if window.history > 1 else []

    def rollout(u0, parameters):
        return window.rollout(surrogate.at(parameters), u0 if frames else u0[:, None], steps)

    with _no_source_locations():
        exported = jax.export.export(jax.jit(rollout), platforms=PLATFORMS)(
            argument("batch", *frames, *sizes, str(channels)), argument("batch", str(parameters))
        )
        return bytes(exported.serialize())


@contextmanager
def _no_source_locations() -> Iterator[None]:
    """Keep folder names of this machine out of the file."""
    name = "jax_traceback_in_locations_limit"
    before = getattr(jax.config, name)
    jax.config.update(name, 0)
    try:
        yield
    finally:
        jax.config.update(name, before)


def _archive(members: dict[str, bytes]) -> bytes:
    """Return a zip archive without dates, so that equal members give equal bytes."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return archive.getvalue()
