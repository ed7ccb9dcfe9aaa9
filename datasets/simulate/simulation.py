"""Simulated data sets: one function that writes the files of an equation."""

import itertools
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from tqdm import tqdm

from cape.datasets.equations.equation import Equation, find_equation
from cape.datasets.simulate.parameters import ParameterValues, parse
from cape.datasets.simulate.writer import refuse_existing, writing

LOWEST_RESOLUTION = 16
MOST_SAMPLES = 1_000_000  # numbers of initial conditions: seed * MOST_SAMPLES + sample
VALUES_PER_BATCH = 2**23  # frames * cells * channels of one batch of samples held in memory


def simulate(
    equation: str | Equation,
    folder: Path,
    parameters: Mapping[str, ParameterValues | str],
    samples: int,
    seed: int = 0,
    resolution: int = 0,
    frames: int = 0,
    t_end: float = 0.0,
    own: int = 0,
    overwrite: bool = False,
    progress: bool = True,
) -> list[Path]:
    """Simulate an equation and write its files in the layout and with the names of PDEBench.

    Listed values (`Values`, or text such as "0.01,0.1") make one file each, several listed parameters one
    for every combination; ranges ("loguniform:1e-3:1") one value per sample in one file. The name of another
    parameter ties one to it: with {"eta": "0.01,0.1", "zeta": "eta"} both are equal in every file and for
    every sample. Sample i starts from the same initial condition in every file of one seed, whatever the
    parameters, the resolution and the number of samples, and `initial-condition` in the file says so; but for the last
    `own` of each file, which start where no other one does.

    Args:
        equation: a name in `EQUATIONS`, or an `Equation` of your own.
        folder: where the files go; made when missing.
        parameters: for every parameter of the equation its values, or the name of another one.
        samples: trajectories in each file.
        seed: everything random follows from it.
        resolution: cells per axis; 0: the equation's own number, and so for frames and t_end.
        frames: number of frames, the initial condition included, equidistant from 0 to t_end.
        t_end: time of the last frame.
        own: how many samples of each file have initial conditions of their own: many more to train on, where those
            that are the same in all files are to compare parameter values by.
        overwrite: replace files that are there already.
        progress: show a progress bar.

    Returns:
        The paths of the files written.

    Raises:
        ValueError: for an unknown equation, missing or unknown parameters, values out of range, a parameter
            tied to itself or to a tied one, too few samples, frames or cells.
        FileExistsError: when a file is there already and `overwrite` is false; nothing is written then.
    """
    equation = find_equation(equation) if isinstance(equation, str) else equation
    sources = _sources(equation, parameters)
    given = {n: _read(equation, n, parameters[n]) for n, source in sources.items() if n == source}
    _check_bounds(equation, {name: given[source] for name, source in sources.items()})
    resolution, frames = resolution or equation.resolution, frames or equation.frames
    t_end = t_end or equation.t_end
    combinations = _combinations(given, sources)
    _check_sizes(samples, own, len(combinations), seed, resolution, frames, t_end)
    common, starts = samples - own, samples + own * (len(combinations) - 1)
    paths = [Path(folder) / equation.file_name(values, resolution) for values in combinations]
    refuse_existing(paths, overwrite)

    initial = equation.initial_conditions(seed, starts)
    times = np.linspace(0.0, t_end, frames)
    values_per_sample = (
        frames * max(resolution, equation.finest) ** equation.dimension * len(equation.channels)
    )
    batch = _batch_size(samples, values_per_sample)
    with tqdm(total=samples * len(paths), unit="trajectory", disable=not progress) as bar:
        for number, (path, values) in enumerate(zip(paths, combinations, strict=True)):
            bar.set_description(path.name)
            chosen = np.r_[:common, common + number : starts : len(paths)]
            u0 = initial.select(chosen)
            columns = [values[name].draw(seed, source, starts)[chosen] for name, source in sources.items()]
            with writing(
                path,
                parameters=np.stack(columns, axis=1),
                parameter_names=equation.parameter_names,
                channel_names=equation.channels,
                coordinates=equation.coordinates(resolution),
                times=times,
                initial_conditions=seed * MOST_SAMPLES + chosen,
                attributes=_provenance(equation, seed, resolution),
                overwrite=overwrite,
            ) as put:
                for start in range(0, samples, batch):
                    part = slice(start, min(start + batch, samples))
                    u = equation.solve(
                        u0.select(part), *(c[part] for c in columns), resolution=resolution, times=times
                    )
                    _check_solution(equation, u, (part.stop - part.start, frames, resolution))
                    put(part, slice(None), u)
                    bar.update(part.stop - start)
    return paths


def _sources(equation: Equation, parameters: Mapping[str, ParameterValues | str]) -> dict[str, str]:
    """Name for every parameter the one whose values it takes: itself, or the one it is tied to."""
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
                f"{equation.name}: cannot tie {name} to {source}, which is tied to {tied[source]}; expected a "
                "parameter with values of its own"
            )
    return {name: tied.get(name, name) for name in names}


def _read(equation: Equation, name: str, values: ParameterValues | str) -> ParameterValues:
    if not isinstance(values, str):
        return values
    try:
        return parse(values)
    except ValueError as error:
        others = ", ".join(n for n in equation.parameter_names if n != name)
        hint = f"; or tie it to another parameter ({others})" if others else ""
        raise ValueError(f"{equation.name}: {name}: {error}{hint}") from None


def _combinations(
    given: Mapping[str, ParameterValues], sources: Mapping[str, str]
) -> list[dict[str, ParameterValues]]:
    """Return the values of every parameter, for each file."""
    chosen = itertools.product(*(values.choices for values in given.values()))
    files = [dict(zip(given, choice, strict=True)) for choice in chosen]
    return [{name: values[source] for name, source in sources.items()} for values in files]


def _check_bounds(equation: Equation, given: Mapping[str, ParameterValues]) -> None:
    for parameter in equation.parameters:
        low, _ = given[parameter.name].bounds
        if low < parameter.lowest or (low == parameter.lowest and not parameter.zero):
            sign = ">=" if parameter.zero else ">"
            raise ValueError(
                f"{equation.name} needs {parameter.name} {sign} {parameter.lowest:g}, got {low:g}"
            )


def _check_sizes(
    samples: int, own: int, files: int, seed: int, resolution: int, frames: int, t_end: float
) -> None:
    if not 1 <= samples <= MOST_SAMPLES:
        raise ValueError(f"expected samples between 1 and {MOST_SAMPLES}, got {samples}")
    most = min(samples, MOST_SAMPLES // files)
    if not 0 <= own <= most:
        raise ValueError(
            f"expected own, of the {samples} samples of each file, between 0 and {most}, got {own}"
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
            f"{equation.name}: the solver gave values that are not finite; ask for other parameter values or "
            "an earlier t_end"
        )


def _batch_size(samples: int, values: int) -> int:
    """Equal batches (one compilation), of at most 64 samples and VALUES_PER_BATCH values, or one sample."""
    most = int(np.clip(VALUES_PER_BATCH // values, 1, 64))
    return -(-samples // -(-samples // most))


def _provenance(equation: Equation, seed: int, resolution: int) -> dict[str, str | int]:
    try:
        package = f"cape-jax {version('cape-jax')}"
    except PackageNotFoundError:
        package = "cape-jax (not installed)"
    settings = {"equation": equation.name, "boundary": equation.boundary, "generator": package}
    return settings | {"seed": seed, "resolution": resolution}
