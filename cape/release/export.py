"""Export: the whole rollout of a surrogate as one file that runs with jax and flatbuffers alone.

The file is a zip archive of two members, each with its checksum: `rollout.jax_export`, what `jax.export`
serialises (StableHLO with the weights in it, for CPU, CUDA and TPU), and `metadata.json`, what one has to know to
call it. docs/export.md has the 20 lines that run it.
"""

import importlib.util
import io
import json
import math
import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from cape import __version__
from cape.model.config import PaperCape
from cape.pretrained import load
from cape.surrogate import Surrogate

FORMAT = 1
PROGRAM, METADATA = "rollout.jax_export", "metadata.json"
PLATFORMS = ("cpu", "cuda", "tpu")
_WIDEST_MULTIPLE = 16  # of an open grid: short products in `fourier`, and 2^n, 3·2^n, 5·2^n, ... all fit


def export(
    model: str | Path,
    out: str | Path,
    steps: int = 0,
    resolution: Sequence[int] = (),
    *,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write the rollout u0 [batch, *space, channel], parameters [batch, parameter] -> [batch, steps, *space, channel].

    Everything is inside: normalisation, what the parameters go through, weights; fields in physical units,
    float32. The batch is open, and so is the grid unless `resolution` is given or the model is tied to a grid
    (see `open_grid`).

    Args:
        model: whatever `cape.load` takes.
        out: file to write, whole or not at all.
        steps: frames that the rollout predicts; 0: the longest rollout of the training.
        resolution: grid points per axis, the only grid that the file then takes.

    Returns:
        The metadata in the file.

    Raises:
        ValueError: the model cannot be loaded, or not rolled out over so many steps or on that grid.
        FileExistsError: `out` is there, and `overwrite` is false.
        ImportError: flatbuffers is missing.
    """
    require()
    out = Path(out)
    if steps < 0:
        raise ValueError(f"expected at least one step (0: as many as in training), got {steps}")
    if out.is_dir():
        raise ValueError(f"{out}: a folder, expected the name of a file to write")
    if out.exists() and not overwrite:
        raise FileExistsError(f"{out}: already there; choose another file or ask to overwrite")
    surrogate = load(model)
    steps = steps or surrogate.trained_steps
    grid = _grid(surrogate, resolution)
    metadata = describe(surrogate, steps, grid)
    _place(
        out, {METADATA: json.dumps(metadata, indent=1).encode(), PROGRAM: _program(surrogate, steps, grid)}
    )
    return metadata


def require() -> None:
    """Raise ImportError, saying what to do, where flatbuffers is not installed."""
    if importlib.util.find_spec("flatbuffers") is None:
        raise ImportError("export needs flatbuffers: pip install 'cape-jax[export]'")


def open_grid(surrogate: Surrogate) -> tuple[int, int] | None:
    """Tell which grids one program can serve: (multiple, least) for every size that is a multiple and no smaller.

    A U-Net wants 2^levels; transforms are fastest on multiples of 16, as far as the training grid is one; an
    FNO's spectrum is that of finer grids from 2 modes on; the coarsest grid is at least as wide as a stencil
    reaches. None: the published CAPE block is tied to the training grid, and a training grid that is odd or
    coarser than this is not among the grids that can be left open.
    """
    base, trained = surrogate.config.base, surrogate.problem.resolution
    multiple = max(2 ** getattr(base, "levels", 1), math.gcd(_WIDEST_MULTIPLE, *trained))
    reach = max(getattr(base, "kernel", 3) // 2, getattr(base, "radius", 1))
    needed = max(2 * getattr(base, "modes", 1), reach * 2 ** getattr(base, "levels", 0), 2)
    least = multiple * -(-needed // multiple)
    fits = all(n % multiple == 0 and n >= least for n in trained)
    tied = isinstance(surrogate.config.conditioning, PaperCape)
    return (multiple, least) if fits and not tied else None


def describe(surrogate: Surrogate, steps: int, grid: dict[str, Any]) -> dict[str, Any]:
    """Say in plain data what a file of this rollout holds; `grid` is {"sizes"} or {"multiple_of", "at_least"}."""
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
    problem = surrogate.problem
    if resolution and (len(resolution) != problem.dimension or min(resolution) < 1):
        raise ValueError(
            f"expected {problem.dimension} sizes of axes, such as {problem.resolution}, got {resolution}"
        )
    leave_open = None if resolution else open_grid(surrogate)
    if leave_open is None:
        return {"sizes": list(resolution or problem.resolution)}
    return {"multiple_of": leave_open[0], "at_least": leave_open[1]}


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

    def rolled_out(u0, parameters):
        return window.rollout(surrogate.at(parameters), u0 if frames else u0[:, None], steps)

    with _no_source_locations():
        exported = jax.export.export(jax.jit(rolled_out), platforms=PLATFORMS)(
            argument("batch", *frames, *sizes, str(channels)), argument("batch", str(parameters))
        )
        return bytes(exported.serialize())


@contextmanager
def _no_source_locations() -> Iterator[None]:
    """Keep names of folders of this machine out of the file."""
    name = "jax_traceback_in_locations_limit"
    before = getattr(jax.config, name)
    jax.config.update(name, 0)
    try:
        yield
    finally:
        jax.config.update(name, before)


def _place(out: Path, members: dict[str, bytes]) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(
                zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED
            )  # no date: equal files are equal
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(archive.getvalue())
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)
