"""Options that say what is in files of arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from cape.commands.options import Texts

if TYPE_CHECKING:
    from cape.datasets.formats.description import Description

Names = Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME...")]


@dataclass(frozen=True)
class ArrayOptions:
    """What is in files of arrays.

    Attributes:
        axes: what the axes of the fields mean, in order, such as "sample time x channel"; without sample, every file is
            one sample.
        parameter: NAME=NUMBER, or NAME=PLACE: an array, "array[0]" for a column of one, an attribute, a column of the
            table, or a part of the file's name.
        table: a CSV or JSON file with parameters, one row for each file or sample.
        dt: time between frames.
        times: the array with the times.
        dx: spacing of the points, one or one per axis.
        coordinates: the arrays with the points of each axis.
        fields: the arrays that hold the fields.
        channels: names of the channels.
        boundaries: periodic, outgoing or wall, one or one per axis.
        equation: name of the equation.
        initial_conditions: the array with the numbers of initial conditions.
    """

    axes: str = ""
    parameter: Texts = ()
    table: str = ""
    dt: float = 0.0
    times: str = ""
    dx: tuple[float, ...] = ()
    coordinates: Names = ()
    fields: Names = ()
    channels: Names = ()
    boundaries: Names = ()
    equation: str = ""
    initial_conditions: str = ""

    def description(self, trusted: bool) -> Description:
        """Return the description of the files.

        Raises:
            ValueError: an option has the wrong form.
        """
        from cape.datasets.assignment import assignments
        from cape.datasets.formats.description import describe

        given = {
            name: _number_or_text(text) for name, text in assignments(self.parameter, "--parameter").items()
        }
        return describe(
            axes=self.axes or None,
            fields=self.fields or None,
            channels=self.channels or None,
            parameters=given or None,
            table=self.table or None,
            dt=self.dt or None,
            times=self.times or None,
            dx=(self.dx[0] if len(self.dx) == 1 else self.dx) if self.dx else None,
            coordinates=self.coordinates or None,
            boundaries=(self.boundaries[0] if len(self.boundaries) == 1 else self.boundaries) or None,
            equation=self.equation or None,
            initial_conditions=self.initial_conditions or None,
            trusted=trusted,
        )


NOTHING = ArrayOptions()
OfArrays = Annotated[ArrayOptions, tyro.conf.arg(name="")]


def _number_or_text(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
