"""The words for axes, and the names that users give to axes, coordinates and counters."""

from __future__ import annotations

import re

SAMPLE, TIME, CHANNEL = "sample", "time", "channel"
SPACE = ("x", "y", "z")
WORDS = (SAMPLE, TIME, *SPACE, CHANNEL)

_NAMES = {
    SAMPLE: "sample samples batch trajectory trajectories traj run runs case cases member ensemble realization "
    "realisation simulation sim sims seed id index instance experiment",
    TIME: "time times t t_coordinate time_step timestep step steps frame frames tspan t_array",
    "x": "x xs x_coordinate x_coord x_array x_grid xgrid lon longitude xc nx",
    "y": "y ys y_coordinate y_coord y_array y_grid ygrid lat latitude yc ny",
    "z": "z zs z_coordinate z_coord z_array z_grid zgrid level lev height depth zc nz",
    CHANNEL: "channel channels variable variables field fields component components c",
}
_WORD_OF = {name: word for word, names in _NAMES.items() for name in names.split()}
INITIAL_CONDITION = ("initial_condition", "initial_conditions")
_COUNTERS = set(_NAMES[SAMPLE].split()) | {
    "n",
    "part",
    "file",
    "batch",
    "version",
    "v",
    "res",
    "dt",
    "dx",
    "dy",
    "dz",
}


def word_of(name: str) -> str | None:
    """Return the word for the axis that a name usually stands for, or None."""
    return _WORD_OF.get(plain(name))


def is_initial_condition(name: str) -> bool:
    """Return whether a name is the one of the numbers of initial conditions."""
    return plain(name) in INITIAL_CONDITION


def may_be_parameter(name: str) -> bool:
    """Return whether an array of this name may be a parameter: it names neither an axis nor a counter."""
    return word_of(name) is None and not is_initial_condition(name) and plain(name) not in _COUNTERS


def plain(name: str) -> str:
    """Return the last part of a name in small letters, without hyphens: "grid/X-coordinate" is "x_coordinate"."""
    return re.sub(r"[-\s]+", "_", name.rpartition("/")[2].strip().lower())
