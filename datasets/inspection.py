"""Describe data files for a human."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cape.datasets.concatenation import concatenate
from cape.datasets.formats.description import Description
from cape.datasets.names import printable
from cape.datasets.not_finite import finite_samples
from cape.datasets.opening import Opened, Paths, open_each
from cape.datasets.trajectories import Trajectories, is_uniform

Rows = list[tuple[str, str]]
MOST_LISTED = 12  # parameter values; more are described by their number and range


def inspect(
    paths: Paths, check_values: bool = False, *, trusted: bool = False, wanted: Description | None = None
) -> str:
    """Describe files: layout, axes, names, parameters, boundaries, times, notes and warnings.

    Args:
        paths: files or folders.
        check_values: also read all fields, to show the range of each channel and to find NaN and infinity.
        trusted: the files are the user's own, as in `open_files`.
        wanted: what the user says about files of arrays, as in `open_files`.

    Raises:
        ValueError: a file is missing or unknown. Files that do not fit together are a warning in the text.
    """
    opened = open_each(paths, trusted=trusted, notes=True, wanted=wanted)
    sections = [
        "\n".join([printable(str(each.path)), *_aligned(_describe(each, check_values))]) for each in opened
    ]
    together = _describe_all([each.trajectories for each in opened])
    return "\n\n".join([*sections, "\n".join(["All together", *_aligned(together)])])


def _aligned(rows: Rows) -> list[str]:
    width = max(len(name) for name, _ in rows)
    return [f"  {printable(name):<{width}}  {printable(value)}" for name, value in rows]


def _describe(opened: Opened, check_values: bool) -> Rows:
    t = opened.trajectories
    rows = [
        ("layout", opened.reader.name),
        ("equation", t.equation),
        ("samples", _samples(t)),
        ("frames", _frames(t)),
    ]
    for name, x, length, boundary in zip("xyz", t.coordinates, t.lengths, t.boundaries, strict=False):
        spacing = f"d{name} = {length / len(x):g}"
        rows.append((f"axis {name}", f"{len(x)} points, {x[0]:g} to {x[-1]:g}, {spacing}, {boundary}"))
    rows.append(("channels", ", ".join(t.channel_names)))
    rows.extend(_parameters(t))
    if check_values:
        rows.extend(_values(t))
    return [*rows, *opened.notes, *_warnings(t)]


def _describe_all(parts: Sequence[Trajectories]) -> Rows:
    try:
        t = concatenate(parts)
    except ValueError as error:
        return [("warning", f"these files do not fit together: {error}")]
    rows = [
        ("files", str(len(parts))),
        ("samples", _samples(t)),
        ("fields", f"{int(np.prod(t.fields.shape)) * 4 / 2**20:,.1f} MiB in memory (float32)"),
        *_parameters(t),
    ]
    for name, values in zip(t.parameter_names, t.parameters.T, strict=True):
        if len(np.unique(values)) == 1:
            text = f"{name} does not vary, so a conditioned model cannot learn it; give files with several values"
            rows.append(("warning", text))
    return rows


def _samples(t: Trajectories) -> str:
    return f"{t.samples}, of {len(np.unique(t.initial_conditions))} initial conditions"


def _frames(t: Trajectories) -> str:
    if t.frames == 1:
        return f"1, t = {t.times[0]:g}"
    steps = np.diff(t.times)
    dt = f"{steps.mean():g}" if is_uniform(t.times) else f"{steps.min():g} to {steps.max():g}"
    return f"{t.frames}, t = {t.times[0]:g} to {t.times[-1]:g}, dt = {dt}"


def _parameters(t: Trajectories) -> Rows:
    rows = []
    for name, column in zip(t.parameter_names, t.parameters.T, strict=True):
        values = np.unique(column)
        if len(values) <= MOST_LISTED:
            shown = ", ".join(f"{v:g}" for v in values)
        else:
            shown = f"{len(values)} values from {values[0]:g} to {values[-1]:g}"
        rows.append((f"parameter {name}", shown))
    return rows


def _values(t: Trajectories) -> Rows:
    """Return the range of each channel over the finite samples, and the number of the other samples."""
    low, high = np.full(len(t.channel_names), np.inf), np.full(len(t.channel_names), -np.inf)
    finite = np.ones(t.samples, bool)
    for samples, _, block, _ in t.fields.blocks():
        good = finite_samples(block)
        finite[samples] &= good
        axes = tuple(range(block.ndim - 1))
        low = np.minimum(low, block[good].min(axis=axes, initial=np.inf))
        high = np.maximum(high, block[good].max(axis=axes, initial=-np.inf))
    ranges = zip(t.channel_names, low, high, strict=True)
    rows = [(f"range {name}", f"{a:g} to {b:g}") for name, a, b in ranges if a <= b]
    bad = int((~finite).sum())
    if bad:
        text = f"{bad} of {t.samples} samples hold NaN or infinity: drop_nonfinite() leaves them out"
        rows.append(("warning", text))
    return rows


def _warnings(t: Trajectories) -> Rows:
    rows = []
    if not t.parameter_names:
        rows.append(("note", "no parameter: nothing for a conditioned model to learn from"))
    if t.frames == 1:
        rows.append(("warning", "one frame only: there is no step to learn"))
    elif not is_uniform(t.times):
        rows.append(("warning", "times are not uniform, but a one-step map needs one time step"))
    for name, x in zip("xyz", t.coordinates, strict=False):
        if not is_uniform(x):
            rows.append(("warning", f"axis {name} is not uniform, but spectral layers assume that it is"))
    return rows
