"""Reader of PDEBench's files with one group per sample: 2D_diff-react, 1D_diff-sorp and 2D_rdb (.h5).

Layout: groups "0000", "0001", ..., each with `data` [time, x[, y], channel], the coordinates `grid/x`[, `grid/y`]
and the times `grid/t`; parameters only in the group's attribute `config`, a YAML text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np

from cape.datasets.fields import whole
from cape.datasets.readers.hdf5 import axis, dataset, open_hdf5
from cape.datasets.readers.yaml_text import numbers_of
from cape.datasets.slabs import GroupStore
from cape.datasets.trajectories import Trajectories

DATA = "data"
SEED = re.compile(r"(?m)^\s*seed\s*:.*$", re.IGNORECASE)


@dataclass(frozen=True)
class Kind:
    """What a file of this family does not say itself.

    Attributes:
        parts: parts of the file's name by which it is known.
        parameters: entries of `config` that are parameters of the equation, also where they never vary.
        boundary: the nearest of the kinds there are; `at_boundary` says what holds there.
    """

    equation: str
    parts: tuple[str, ...]
    channels: tuple[str, ...]
    parameters: tuple[str, ...]
    boundary: str
    at_boundary: str


KINDS = (
    Kind(
        "diffusion-reaction",
        ("diff-react",),
        ("activator", "inhibitor"),
        ("Du", "Dv", "k"),
        "wall",
        "no flux through any side, which counts as wall",
    ),
    Kind(
        "diffusion-sorption",
        ("diff-sorp",),
        ("u",),
        ("D", "por", "rho_s", "k_f", "n_f"),
        "outgoing",
        "the concentration is given on the left and flows out on the right; the nearest kind is outgoing",
    ),
    Kind(
        "shallow-water",
        ("rdb",),
        ("h",),
        ("dam_radius",),
        "outgoing",
        "no gradient across any side, which counts as outgoing",
    ),
)


def is_samples(file: h5py.File) -> bool:
    first = next(iter(file), None)
    return first is not None and isinstance(file[first], h5py.Group) and {DATA, "grid"} <= set(file[first])


def open_samples(path: str | Path) -> Trajectories:
    """Open a file of one group per sample; reads no field, but the header and the `config` of every group.

    Parameters are the numbers of `config` that the equation is known to have, and those that vary between samples,
    seeds apart; there may be none. The grid is that of the first group. Initial conditions are numbered as the
    groups are, as in PDEBench's other files.

    Raises:
        ValueError: naming the file and the group, dataset or entry that is missing or does not fit.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        groups, ids = _groups(path, file)
        configs = [_config(path, file, group) for group in groups]
        kind = _kind(path, configs[0])
        shape = _sample_shape(path, file, groups, kind)
        names, parameters = _parameters(path, groups, configs, kind)
        first = f"{groups[0]}/{DATA}"
        frames, *resolution, _ = shape
        coordinates = [
            axis(path, file, f"{groups[0]}/grid/{a}", [n], first)
            for a, n in zip("xyz", resolution, strict=False)
        ]
        return Trajectories(
            fields=whole(GroupStore(path, tuple(groups), DATA, shape)),
            parameters=parameters,
            parameter_names=names,
            channel_names=kind.channels,
            coordinates=tuple(coordinates),
            times=axis(path, file, f"{groups[0]}/grid/t", [frames, frames + 1], first),
            boundaries=(kind.boundary,) * len(resolution),
            initial_conditions=ids,
            equation=kind.equation,
        )


def sample_notes(path: Path, trajectories: Trajectories) -> list[tuple[str, str]]:
    """Tell what the boundary kind stands for."""
    return [("note", k.at_boundary) for k in KINDS if k.equation == trajectories.equation]


def _groups(path: Path, file: h5py.File) -> tuple[list[str], np.ndarray]:
    """Names of the samples' groups, in the order of their numbers, and these; positions where they have none."""
    strangers = [name for name in file if file.get(name, getclass=True) is not h5py.Group]
    if strangers:
        raise ValueError(f"{path}: dataset {strangers[0]!r} beside the groups, expected one group per sample")
    groups = sorted(file)
    if not all(group.isdecimal() for group in groups):
        return groups, np.arange(len(groups))
    groups.sort(key=int)
    return groups, np.array([int(group) for group in groups], np.int64)


def _sample_shape(path: Path, file: h5py.File, groups: list[str], kind: Kind) -> tuple[int, ...]:
    """Shape [time, *space, channel] of every sample, known from headers."""
    first = dataset(path, file, f"{groups[0]}/{DATA}")
    expected = f"expected [time, x[, y], channel], channels {', '.join(kind.channels)}"
    if not 3 <= first.ndim <= 5 or first.shape[-1] != len(kind.channels) or 0 in first.shape:
        raise ValueError(f"{path}: '{groups[0]}/{DATA}' has axes {list(first.shape)}, {expected}")
    for group in groups:
        data = dataset(path, file, f"{group}/{DATA}")
        if data.shape != first.shape:
            raise ValueError(
                f"{path}: '{group}/{DATA}' has axes {list(data.shape)}, expected {list(first.shape)} as in "
                f"'{groups[0]}/{DATA}': all samples of a file have one resolution"
            )
        if not (np.issubdtype(data.dtype, np.floating) or np.issubdtype(data.dtype, np.integer)):
            raise ValueError(f"{path}: '{group}/{DATA}' holds {data.dtype}, expected real numbers")
    return first.shape


def _config(path: Path, file: h5py.File, group: str) -> dict[str, float]:
    """Numbers in the attribute `config` of a group, by their path in it; none where it is absent."""
    text = file[group].attrs.get("config", "{}")
    text = text.decode() if isinstance(text, bytes) else text
    if not isinstance(text, str):
        raise ValueError(f"{path}: attribute 'config' of group {group!r} is {text!r}, expected a YAML text")
    try:
        return _numbers(SEED.sub("", text))  # most often only the seed differs: one text to parse, not 10 000
    except ValueError as error:
        raise ValueError(f"{path}: attribute 'config' of group {group!r}: {error}") from error


@lru_cache(maxsize=16)
def _numbers(text: str) -> dict[str, float]:
    return numbers_of(text)


def _kind(path: Path, config: dict[str, float]) -> Kind:
    """Equation of a file, by its name or by the parameters in the first sample's `config`."""
    parts = re.split(r"[_.]", path.name.lower())
    entries = {_last(entry) for entry in config}
    for kind in KINDS:
        if set(kind.parts) & set(parts) or set(kind.parameters) <= entries:
            return kind
    names = ", ".join(part for kind in KINDS for part in kind.parts)
    raise ValueError(
        f"{path}: equation unknown: expected one of {names} as a part of the file's name (2D_rdb_NA_NA.h5), or "
        "the parameters of one of them in 'config'"
    )


def _parameters(
    path: Path, groups: list[str], configs: list[dict[str, float]], kind: Kind
) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and values [sample, parameter] of what is known as a parameter or varies."""
    entries = list(dict.fromkeys(entry for config in configs for entry in config))
    known = [e for name in kind.parameters for e in entries if _last(e) == name]
    others = [e for e in entries if e not in known and "seed" not in _last(e).lower()]
    chosen = known + [e for e in others if len({config.get(e) for config in configs}) > 1]
    values = np.empty((len(configs), len(chosen)))
    for column, entry in enumerate(chosen):
        lacking = [group for group, config in zip(groups, configs, strict=True) if entry not in config]
        if lacking:
            raise ValueError(
                f"{path}: 'config' of group {lacking[0]!r} has no number {entry!r}, which other groups have"
            )
        values[:, column] = [config[entry] for config in configs]
    names = [_last(entry) for entry in chosen]
    return tuple(n if names.count(n) == 1 else e for n, e in zip(names, chosen, strict=True)), values


def _last(entry: str) -> str:
    return entry.rsplit(".", 1)[-1]
