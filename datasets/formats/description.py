"""What a user says about files of arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from cape.datasets.boundaries import BOUNDARIES
from cape.datasets.formats.table import Table, read_table
from cape.datasets.formats.words import SPACE, TIME, WORDS
from cape.registry import nearest

Place = float | str | np.ndarray  # a number, the name of an array, attribute or column, or values [sample]


@dataclass(frozen=True, eq=False)
class Description:
    """The arguments of `cape.datasets.open_data.open_data`, checked. None stands for what is left to the files."""

    axes: tuple[str, ...] | None = None
    fields: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None
    parameters: Mapping[str, Place] | None = None
    table: Table | None = None
    dt: float | None = None
    times: str | np.ndarray | None = None
    dx: float | tuple[float, ...] | None = None
    coordinates: tuple[str | np.ndarray, ...] | None = None
    boundaries: str | tuple[str, ...] | None = None
    equation: str | None = None
    initial_conditions: str | np.ndarray | None = None
    trusted: bool = field(default=False, compare=False)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is said but `trusted`."""
        return all(value is None for name, value in vars(self).items() if name != "trusted")


def describe(
    *,
    axes: str | Sequence[str] | None,
    fields: str | Sequence[str] | None,
    channels: Sequence[str] | None,
    parameters: Mapping[str, ArrayLike | str] | Sequence[str] | str | None,
    table: str | Path | None,
    dt: float | None,
    times: ArrayLike | str | None,
    dx: float | Sequence[float] | None,
    coordinates: Sequence[ArrayLike | str] | None,
    boundaries: str | Sequence[str] | None,
    equation: str | None,
    initial_conditions: ArrayLike | str | None,
    trusted: bool = False,
) -> Description:
    """Check the arguments of `cape.datasets.open_data.open_data` as far as possible without the files.

    Raises:
        ValueError: an argument has the wrong form, alternatives are both given, or the table cannot be read.
    """
    for first, a, second, b in (("dt", dt, "times", times), ("dx", dx, "coordinates", coordinates)):
        if a is not None and b is not None:
            raise ValueError(f"expected either {first} or {second}, got both")
    if isinstance(coordinates, str):
        coordinates = [coordinates]
    return Description(
        axes=None if axes is None else _axes(axes),
        fields=None if fields is None else _texts(fields, "fields"),
        channels=None if channels is None else _texts(channels, "channels"),
        parameters=None if parameters is None else _parameters(parameters),
        table=None if table is None else read_table(Path(table)),
        dt=dt,
        times=_place(times),
        dx=tuple(map(float, dx)) if isinstance(dx, Sequence) else dx,
        coordinates=None if coordinates is None else tuple(map(_place, coordinates)),  # type: ignore[arg-type]
        boundaries=_boundaries(boundaries),
        equation=equation,
        initial_conditions=_place(initial_conditions),
        trusted=trusted,
    )


def _axes(axes: str | Sequence[str]) -> tuple[str, ...]:
    words = tuple(axes.replace(",", " ").split() if isinstance(axes, str) else axes)
    shown = f"axes={' '.join(words)!r}"
    example = f"expected words of {', '.join(WORDS)} in the order of the array, such as 'sample time x'"
    for word in words:
        if word not in WORDS:
            raise ValueError(f"{shown}: unknown axis {word!r}; {nearest(word, WORDS)}; {example}")
    if len(set(words)) < len(words):
        raise ValueError(
            f"{shown}: an axis is named twice; {example}. Several sample axes have to be made one first, by "
            "`Dataset.stack` of xarray or `reshape` of NumPy"
        )
    if TIME not in words or not set(words) & set(SPACE):
        raise ValueError(f"{shown}: time or space is missing; {example}")
    return words


def _texts(values: str | Sequence[str], what: str) -> tuple[str, ...]:
    if isinstance(values, str):
        if what == "channels":
            raise ValueError(
                f"channels: expected a list of names, got the text {values!r}; write [{values!r}]"
            )
        return (values,)
    found = tuple(values)
    if not found or not all(isinstance(value, str) for value in found):
        raise ValueError(f"{what}: expected names, got {values!r}")
    return found


def _parameters(given: Mapping[str, ArrayLike | str] | Sequence[str] | str) -> dict[str, Place]:
    if isinstance(given, str):
        given = [given]
    if isinstance(given, Mapping):
        return {str(name): _parameter(str(name), value) for name, value in given.items()}
    if all(isinstance(name, str) for name in given):
        return {name: name for name in given}
    raise ValueError(
        "parameters: expected names, or a dict from names to numbers, values [sample] or names in the files, such as "
        f"{{'Nu': 'viscosity'}}; got {given!r}"
    )


def _parameter(name: str, value: ArrayLike | str) -> Place:
    if isinstance(value, str):
        return value
    try:
        found = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"parameter {name!r}: expected numbers or a name, got {value!r}") from None
    if found.ndim > 1 or not np.isfinite(found).all():
        raise ValueError(
            f"parameter {name!r}: expected one finite number, or one for each sample, got shape {list(found.shape)}"
            + ("" if found.ndim > 1 else " with NaN or infinity")
        )
    return found if found.ndim else float(found)


def _place(value: ArrayLike | str | None) -> str | np.ndarray | None:
    return value if value is None or isinstance(value, str) else np.asarray(value)


def _boundaries(given: str | Sequence[str] | None) -> str | tuple[str, ...] | None:
    for boundary in [given] if isinstance(given, str) else given or ():
        if boundary not in BOUNDARIES:
            raise ValueError(f"boundaries: unknown boundary {boundary!r}; {nearest(boundary, BOUNDARIES)}")
    return given if given is None or isinstance(given, str) else tuple(given)
