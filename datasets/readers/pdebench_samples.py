"""Reader of PDEBench's files with one group per sample: 2D_diff-react, 1D_diff-sorp and 2D_rdb (.h5).

Layout: groups "0000", "0001", ..., each with `data` [time, x[, y], channel], the coordinates `grid/x`[, `grid/y`]
and the times `grid/t`. Parameters are in the group's attribute `config`, a YAML text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np

from cape.datasets.fields import whole
from cape.datasets.groups import GroupStore
from cape.datasets.hdf5_files import open_hdf5
from cape.datasets.readers.coordinates import axis
from cape.datasets.readers.hdf5 import Hdf5Reader, class_of, dataset_id, numbers
from cape.datasets.readers.reader import READERS
from cape.datasets.readers.yaml_text import numbers_of
from cape.datasets.trajectories import UNIFORM, Trajectories

DATA = "data"
REAL = (h5py.h5t.INTEGER, h5py.h5t.FLOAT)
SEED = re.compile(r"(?m)^\s*seed\s*:.*$", re.IGNORECASE)


@dataclass(frozen=True)
class Family:
    """What the files of one equation do not say themselves.

    Attributes:
        parts: parts of the file's name by which it is recognised.
        parameters: entries of `config` that are parameters of the equation, even if they never vary.
        boundary: the nearest boundary that this package knows.
        at_boundary: the boundary condition of the files, for readers.
    """

    equation: str
    parts: tuple[str, ...]
    channels: tuple[str, ...]
    parameters: tuple[str, ...]
    boundary: str
    at_boundary: str


FAMILIES = (
    Family(
        "diffusion-reaction",
        ("diff-react",),
        ("activator", "inhibitor"),
        ("Du", "Dv", "k"),
        "wall",
        "no flux through any side: taken as wall",
    ),
    Family(
        "diffusion-sorption",
        ("diff-sorp",),
        ("u",),
        ("D", "por", "rho_s", "k_f", "n_f"),
        "outgoing",
        "the concentration is given on the left and flows out on the right: taken as outgoing",
    ),
    Family(
        "shallow-water",
        ("rdb",),
        ("h",),
        ("dam_radius",),
        "outgoing",
        "no gradient across any side: taken as outgoing",
    ),
)


class SamplesReader(Hdf5Reader):
    """Reads files with one group per sample, as 2D_rdb_NA_NA.h5."""

    name = "PDEBench group per sample"
    description = "groups '0000', '0001', ..., each with 'data' [time, *space, channel] and 'grid'"

    def recognises_layout(self, file: h5py.File) -> bool:
        first = next((group for name in file if isinstance(group := file.get(name), h5py.Group)), None)
        return first is not None and {DATA, "grid"} <= set(first)

    def open(self, path: Path) -> Trajectories:
        return open_samples(path)

    def notes(self, path: Path, trajectories: Trajectories) -> list[tuple[str, str]]:
        return [("note", f.at_boundary) for f in FAMILIES if f.equation == trajectories.equation]


READERS.add(SamplesReader())


def open_samples(path: str | Path) -> Trajectories:
    """Open a file with one group per sample, reading the header and the `config` of every group, but no field.

    Parameters are those numbers of `config` that the equation is known to have, and those that vary between samples,
    except seeds. There may be none. All groups must have the same times and grid. The numbers of the
    groups are the numbers of the initial conditions.

    Raises:
        ValueError: a group, dataset or entry is missing or does not fit; the message names it and the file.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        groups, ids = _groups(path, file)
        configs = [_config(path, file, group) for group in groups]
        family = _family(path, configs[0])
        shape = _sample_shape(path, file, groups, family)
        names, parameters = _parameters(path, groups, configs, family)
        first = f"{groups[0]}/{DATA}"
        frames, *resolution, _ = shape
        coordinates = [
            axis(path, file, f"{groups[0]}/grid/{a}", [n], first)
            for a, n in zip("xyz", resolution, strict=False)
        ]
        for name in ("t", *"xyz"[: len(resolution)]):
            _check_same(path, file, groups, f"grid/{name}")
        return Trajectories(
            fields=whole(GroupStore(path, tuple(groups), DATA, shape)),
            parameters=parameters,
            parameter_names=names,
            channel_names=family.channels,
            coordinates=tuple(coordinates),
            times=axis(path, file, f"{groups[0]}/grid/t", [frames, frames + 1], first),
            boundaries=(family.boundary,) * len(resolution),
            initial_conditions=ids,
            equation=family.equation,
        )


def _groups(path: Path, file: h5py.File) -> tuple[list[str], np.ndarray]:
    """Return the names of the groups in the order of their numbers, and these numbers; positions if there are none."""
    classes = {name: class_of(file, name) for name in file}  # None for a link to nothing
    others = [name for name, found in classes.items() if found not in (h5py.Group, None)]
    if others:
        raise ValueError(
            f"{path}: dataset {others[0]!r} next to the groups, expected groups only, one per sample"
        )
    groups = sorted(name for name, found in classes.items() if found is h5py.Group)
    lost = [name for name, found in classes.items() if found is None and name.isdecimal()]
    if lost:
        raise ValueError(f"{path}: {lost[0]!r} is a link to nothing, expected the group of a sample")
    if not all(group.isdecimal() for group in groups):
        return groups, np.arange(len(groups))
    groups.sort(key=int)
    return groups, np.array([int(group) for group in groups], np.int64)


def _sample_shape(path: Path, file: h5py.File, groups: list[str], family: Family) -> tuple[int, ...]:
    """Return the shape [time, *space, channel] of every sample, from the headers."""
    first = numbers(path, file, f"{groups[0]}/{DATA}")
    expected = f"expected [time, x[, y], channel], channels {', '.join(family.channels)}"
    if not 3 <= first.ndim <= 5 or first.shape[-1] != len(family.channels) or 0 in first.shape:
        raise ValueError(f"{path}: '{groups[0]}/{DATA}' has axes {list(first.shape)}, {expected}")
    for group in groups:
        data = dataset_id(path, file, f"{group}/{DATA}")  # at a low level, which takes half the time
        if data.get_type().get_class() not in REAL:
            numbers(path, file, f"{group}/{DATA}")  # raises
        if data.shape != first.shape:
            raise ValueError(
                f"{path}: '{group}/{DATA}' has axes {list(data.shape)}, expected {list(first.shape)} as in "
                f"'{groups[0]}/{DATA}': all samples of a file have one resolution"
            )
    return first.shape


def _check_same(path: Path, file: h5py.File, groups: list[str], name: str) -> None:
    """Raise ValueError unless all groups have the coordinates or times of the first one."""
    first = numbers(path, file, f"{groups[0]}/{name}")[...]
    tolerance = UNIFORM * float(np.abs(np.diff(first.astype(np.float64))).max(initial=0.0))
    values, kind = np.empty_like(first), h5py.h5t.py_create(first.dtype)
    for group in groups[1:]:
        found = dataset_id(path, file, f"{group}/{name}")  # at a low level, which takes half the time
        same = found.shape == first.shape and found.get_type().get_class() in REAL
        if same:
            found.read(h5py.h5s.ALL, h5py.h5s.ALL, values, kind)
            same = values.tobytes() == first.tobytes() or _close(values, first, tolerance)
        if not same:
            raise ValueError(
                f"{path}: '{group}/{name}' differs from '{groups[0]}/{name}', expected all samples of a file to have "
                "the same times and grid; put samples with others into another file"
            )


def _close(a: np.ndarray, b: np.ndarray, tolerance: float) -> bool:
    return bool((np.abs(a.astype(np.float64) - b.astype(np.float64)) <= tolerance).all())


def _config(path: Path, file: h5py.File, group: str) -> dict[str, float]:
    """Return the numbers in the attribute `config` of a group, by their path in it; {} if it is absent."""
    text = file[group].attrs.get("config", "{}")
    text = text.decode() if isinstance(text, bytes) else text
    if not isinstance(text, str):
        raise ValueError(f"{path}: attribute 'config' of group {group!r} is {text!r}, expected a YAML text")
    try:
        return _numbers(SEED.sub("", text))  # usually only the seed differs: parse one text, not 10 000
    except ValueError as error:
        raise ValueError(f"{path}: attribute 'config' of group {group!r}: {error}") from error


@lru_cache(maxsize=16)
def _numbers(text: str) -> dict[str, float]:
    return numbers_of(text)


def _family(path: Path, config: dict[str, float]) -> Family:
    """Return the family of a file, by its name or by the parameters in the `config` of the first sample."""
    parts = re.split(r"[_.]", path.name.lower())
    entries = {_last(entry) for entry in config}
    for family in FAMILIES:
        if set(family.parts) & set(parts) or set(family.parameters) <= entries:
            return family
    names = ", ".join(part for family in FAMILIES for part in family.parts)
    raise ValueError(
        f"{path}: equation unknown: expected one of {names} as a part of the file's name (2D_rdb_NA_NA.h5), or "
        "the parameters of one of them in 'config'"
    )


def _parameters(
    path: Path, groups: list[str], configs: list[dict[str, float]], family: Family
) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the names and values [sample, parameter] of entries that are known parameters or vary."""
    entries = list(dict.fromkeys(entry for config in configs for entry in config))
    known = [e for name in family.parameters for e in entries if _last(e) == name]
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
