"""Grids of settings: every combination of some values, as experiments with names."""

import copy
import itertools
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from cape.config import TYPE, from_dict, to_dict
from cape.experiment import Experiment

Grid = Mapping[str, tuple[Any, ...]]
_LONGEST = 100  # characters of a name


def read_grid(texts: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """Read ("training.seed=0,1", "model.base=fno,u-net") as {"training.seed": (0, 1), "model.base": ("fno", "u-net")}.

    Values are written as in TOML. What is not TOML is text.

    Raises:
        ValueError: there is no setting, one has no value or one value twice, or two have the same name.
    """
    grid: dict[str, tuple[Any, ...]] = {}
    for text in texts:
        name, _, listed = text.partition("=")
        key, values = name.replace("-", "_"), tuple(_value(part) for part in _split(listed))
        if key in grid:
            raise ValueError(f"{key} is given twice; list all its values once, as {key}=A,B,C")
        if not values or "" in values:
            raise ValueError(f"{text}: expected values, separated by commas, such as {key}=A,B,C")
        if len({repr(value) for value in values}) < len(values):
            raise ValueError(f"{text}: a value is listed twice")
        grid[key] = values
    if not grid:
        raise ValueError("expected settings with the values to try, such as training.seed=0,1,2")
    return grid


def combinations(experiment: Experiment, grid: Grid) -> dict[str, Experiment]:
    """Return an experiment for every combination of the values in a grid, by a name that says its values.

    A value of a part, such as `model.base`, is the name of another part. Its settings are then the defaults.

    Raises:
        ValueError: a setting is unknown, or a value does not fit.
    """
    experiments: dict[str, Experiment] = {}
    names = _short_names(grid)
    for values in itertools.product(*grid.values()):
        chosen = dict(zip(grid, values, strict=True))
        settings = to_dict(experiment)
        for key in sorted(grid, key=lambda key: key.count(".")):  # a part before its settings
            _set(settings, key, chosen[key])
        name = "_".join(f"{names[key]}={_as_name(value)}" for key, value in chosen.items())
        if len(name) > _LONGEST or name in experiments:
            name = f"run-{len(experiments):04d}"
        where = ", ".join(f"{key}={value}" for key, value in chosen.items())
        experiments[name] = from_dict(Experiment, settings, where)
    return experiments


def _split(text: str) -> list[str]:
    """Split a text at the commas outside of brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _set(settings: dict[str, Any], key: str, value: Any) -> None:
    """Set one setting in nested dictionaries. Whether its last word is known is left to `from_dict`."""
    *path, last = key.split(".")
    table: Any = settings
    for name in path:
        table = table.get(name)
        if not isinstance(table, dict):
            raise ValueError(f"{key}: unknown setting; expected a name such as training.seed")
    present = table.get(last)
    if not isinstance(present, dict):
        table[last] = copy.deepcopy(value)
    elif TYPE not in present:
        raise ValueError(
            f"{key}: a group of settings; expected one of them, such as {key}.{next(iter(present))}"
        )
    elif value != present[TYPE]:
        table[last] = {TYPE: value}


def _short_names(grid: Grid) -> dict[str, str]:
    """Return the last word of each setting, or its whole name where two settings share the last word."""
    last = {key: key.rpartition(".")[2] for key in grid}
    return {key: word if list(last.values()).count(word) == 1 else key for key, word in last.items()}


def _as_name(value: Any) -> str:
    return re.sub(r"[^\w.+-]+", "-", str(value)).strip("-")
