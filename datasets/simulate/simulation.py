"""Simulate an equation and write the files."""

import contextlib
import itertools
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from cape.atomic import remove_leftovers
from cape.datasets.disk_space import check_free
from cape.datasets.equations.equation import Equation, find_equation
from cape.datasets.lock import locked_path
from cape.datasets.simulate.parameters import ParameterValues, parse
from cape.datasets.simulate.writer import file_size, refuse_existing, writing

LOWEST_RESOLUTION = 16
MOST_SAMPLES = 1_000_000  # the number of an initial condition is seed * MOST_SAMPLES + sample
VALUES_PER_BATCH = 2**23  # frames * cells * channels of the samples that are solved at once


def simulate(
    equation: str | Equation,
    folder: Path,
    parameters: Mapping[str, ParameterValues | str],
    samples: int,
    seed: int = 0,
    resolution: int = 0,
    frames: int = 0,
    t_end: float = 0.0,
    unshared: int = 0,
    overwrite: bool = False,
    progress: bool = True,
) -> list[Path]:
    """Simulate an equation and write its files in the layout and with the names of PDEBench.

    Listed values (`Values`, or text such as "0.01,0.1") make one file each; several listed parameters make one file
    for every combination. Ranges ("loguniform:1e-3:1") give every sample of a file its own value. The name of another
    parameter ties a parameter to it: with {"eta": "0.01,0.1", "zeta": "eta"} both are equal in every sample.

    Sample i starts from the same initial condition in every file of one seed, for all parameters, resolutions and
    numbers of samples. The last `unshared` samples of each file are the exception: no other file has their initial
    conditions. The dataset `initial-condition` of a file holds the numbers of its initial conditions.

    Args:
        equation: the name of a registered equation, or an `Equation`.
        folder: where the files go; it is made if it is missing.
        parameters: for every parameter of the equation, its values or the name of another parameter.
        samples: number of trajectories in each file.
        seed: seed of the initial conditions and of drawn parameters.
        resolution: cells per axis; 0 for the equation's default.
        frames: number of frames at equal intervals from 0 to t_end, with the initial condition; 0 for the default.
        t_end: time of the last frame; 0 for the equation's default.
        unshared: number of samples of each file whose initial conditions are not shared with other files. They make
            training data more varied; shared ones make parameter values comparable.
        overwrite: replace existing files.
        progress: show a progress bar.

    Returns:
        The paths of the files.

    Raises:
        ValueError: the equation is unknown; parameters are missing, unknown, out of range, or tied to themselves or
            to a tied one; or there are too few samples, frames or cells.
        FileExistsError: a file exists and `overwrite` is false; nothing is written then.
        FolderInUse: another process is writing one of the files.
        OSError: the disk has no room for all files; nothing is written then.
    """
    equation = find_equation(equation) if isinstance(equation, str) else equation
    resolution, frames = resolution or equation.resolution, frames or equation.frames
    t_end = t_end or equation.t_end
    sources = _sources(equation, parameters)
    files = _files(equation, parameters, sources)
    _check_sizes(samples, unshared, len(files), seed, resolution, frames, t_end)
    paths = [Path(folder) / equation.file_name(values, resolution) for values in files]
    refuse_existing(paths, overwrite)
    shape = (samples, frames, *(resolution,) * equation.dimension)
    check_free(Path(folder), len(paths) * file_size(shape, len(equation.channels), len(sources)))

    shared, starts = samples - unshared, samples + unshared * (len(files) - 1)
    initial = equation.initial_conditions(seed, starts)
    times = np.linspace(0.0, t_end, frames)
    with contextlib.ExitStack() as stack:
        for path in paths:
            stack.enter_context(locked_path(path))
        remove_leftovers(folder)
        bar = stack.enter_context(tqdm(total=samples * len(paths), unit="trajectory", disable=not progress))
        for number, (path, values) in enumerate(zip(paths, files, strict=True)):
            chosen = np.r_[:shared, shared + number : starts : len(paths)]
            columns = [values[name].draw(seed, source, starts)[chosen] for name, source in sources.items()]
            bar.set_description(path.name)
            with writing(
                path,
                parameters=np.stack(columns, axis=1),
                initial_conditions=seed * MOST_SAMPLES + chosen,
                overwrite=overwrite,
                times=times,
                **_layout(equation, seed, resolution),
            ) as put:
                for part, u in _solutions(equation, initial.select(chosen), columns, resolution, times):
                    put(part, slice(None), u)
                    bar.update(part.stop - part.start)
    return paths


def _solutions(equation: Equation, initial, columns: list[np.ndarray], resolution: int, times: np.ndarray):
    """Yield (slice of samples, u of these samples), batch by batch.

    All batches have one size, so that the solver is compiled once: at most 64 samples and VALUES_PER_BATCH values, but
    at least one sample.
    """
    samples, frames = len(columns[0]), len(times)
    cells = max(resolution, equation.finest) ** equation.dimension
    most = int(np.clip(VALUES_PER_BATCH // (frames * cells * len(equation.channels)), 1, 64))
    batch = -(-samples // -(-samples // most))
    for start in range(0, samples, batch):
        part = slice(start, min(start + batch, samples))
        u = equation.solve(
            initial.select(part), *(column[part] for column in columns), resolution=resolution, times=times
        )
        _check_solution(equation, u, (part.stop - part.start, frames, resolution))
        yield part, u


def _sources(equation: Equation, parameters: Mapping[str, ParameterValues | str]) -> dict[str, str]:
    """Return for every parameter the name of the one whose values it takes: itself, or the one it is tied to."""
    names = equation.parameter_names
    missing, unknown = [n for n in names if n not in parameters], [n for n in parameters if n not in names]
    if missing or unknown:
        raise ValueError(
            f"{equation.name} takes the parameters {', '.join(names)}; "
            f"missing: {', '.join(missing) or 'none'}, unknown: {', '.join(unknown) or 'none'}"
        )
    texts = {name: str(parameters[name]).strip() for name in names}
    tied = {name: text for name, text in texts.items() if text in names}
    for name, source in tied.items():
        if source in tied:
            raise ValueError(
                f"{equation.name}: cannot tie {name} to {source}, which is tied to {tied[source]}; tie it to a "
                "parameter that has values"
            )
    return {name: tied.get(name, name) for name in names}


def _files(
    equation: Equation, parameters: Mapping[str, ParameterValues | str], sources: Mapping[str, str]
) -> list[dict[str, ParameterValues]]:
    """Return the values of every parameter, for each file."""
    given = {n: _read(equation, n, parameters[n]) for n, source in sources.items() if n == source}
    _check_bounds(equation, {name: given[source] for name, source in sources.items()})
    choices: list[Sequence[ParameterValues]] = [values.choices for values in given.values()]
    files = [dict(zip(given, combination, strict=True)) for combination in itertools.product(*choices)]
    return [{name: values[source] for name, source in sources.items()} for values in files]


def _read(equation: Equation, name: str, values: ParameterValues | str) -> ParameterValues:
    if not isinstance(values, str):
        return values
    try:
        return parse(values)
    except ValueError as error:
        others = ", ".join(n for n in equation.parameter_names if n != name)
        hint = f"; or tie it to another parameter ({others})" if others else ""
        raise ValueError(f"{equation.name}: {name}: {error}{hint}") from None


def _check_bounds(equation: Equation, given: Mapping[str, ParameterValues]) -> None:
    for parameter in equation.parameters:
        low, _ = given[parameter.name].bounds
        if low < parameter.lowest or (low == parameter.lowest and not parameter.zero):
            sign = ">=" if parameter.zero else ">"
            raise ValueError(
                f"{equation.name} needs {parameter.name} {sign} {parameter.lowest:g}, got {low:g}"
            )


def _check_sizes(
    samples: int, unshared: int, files: int, seed: int, resolution: int, frames: int, t_end: float
) -> None:
    if not 1 <= samples <= MOST_SAMPLES:
        raise ValueError(f"expected samples between 1 and {MOST_SAMPLES}, got {samples}")
    most = min(samples, MOST_SAMPLES // files)
    if not 0 <= unshared <= most:
        raise ValueError(
            f"unshared: expected a number of samples of each file between 0 and {most} (of {samples}), got {unshared}"
        )
    if not 0 <= seed < 2**31:
        raise ValueError(f"expected a seed between 0 and 2147483647, got {seed}")
    if resolution < LOWEST_RESOLUTION:
        raise ValueError(f"expected a resolution of at least {LOWEST_RESOLUTION} cells, got {resolution}")
    if frames < 2:
        raise ValueError(f"expected at least 2 frames (the initial condition is one), got {frames}")
    if not (np.isfinite(t_end) and t_end > 0):
        raise ValueError(f"expected a positive t_end, got {t_end}")


def _check_solution(equation: Equation, u: np.ndarray, sizes: tuple[int, int, int]) -> None:
    samples, frames, resolution = sizes
    expected = (samples, frames, *[resolution] * equation.dimension, len(equation.channels))
    if u.shape != expected:
        raise ValueError(
            f"{equation.name}: expected the solution u (sample, time, *space, channel) of shape {expected}, "
            f"got {u.shape}"
        )
    if not np.isfinite(u).all():
        raise ValueError(
            f"{equation.name}: the solution is not finite; choose other parameter values or an earlier t_end"
        )


def _layout(equation: Equation, seed: int, resolution: int) -> dict[str, Any]:
    """Return the arguments of `writing` that are the same for all files."""
    try:
        package = f"cape-jax {version('cape-jax')}"
    except PackageNotFoundError:
        package = "cape-jax (not installed)"
    origin = {"equation": equation.name, "boundary": equation.boundary, "generator": package}
    return {
        "parameter_names": equation.parameter_names,
        "channel_names": equation.channels,
        "coordinates": equation.coordinates(resolution),
        "attributes": origin | {"seed": seed, "resolution": resolution},
    }
