"""The settings of a numerical solver that trade its accuracy for its speed."""

import inspect
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from cape.datasets.equations.equation import Equation

Settings = Mapping[str, Any]  # keyword arguments of `Equation.solve`
# Arguments that set the refinement of the internal grid, and the value for no refinement.
UNREFINED = {"refinement": 1, "points": 1}
# Arguments that trade accuracy for speed, and the values to try, given the default.
CHEAPER = {
    "courant": lambda default: (default, 2 * default),
    "max_displacement": lambda default: (default, 2 * default),
    "step": lambda default: (default, 4 * default, 16 * default, 64 * default),
    "dtype": lambda default: (np.float32,),
}


def unrefined_settings(equation: Equation) -> list[Settings]:
    """List the settings to try for a solver without internal refinement: all combinations of CHEAPER."""
    arguments = inspect.signature(equation.solve).parameters
    unrefined = {name: value for name, value in UNREFINED.items() if name in arguments}
    cheaper = {name: tried(arguments[name].default) for name, tried in CHEAPER.items() if name in arguments}
    combined = itertools.product(*cheaper.values())
    return [unrefined | dict(zip(cheaper, values, strict=True)) for values in combined]


def reference_settings(equation: Equation) -> Settings:
    """Return the settings of a reference: a fourth of the usual time step, if the solver has one."""
    step = inspect.signature(equation.solve).parameters.get("step")
    return {} if step is None else {"step": step.default / 4}


def settings_text(settings: Settings) -> str:
    """Format settings for a table, without the refinement."""
    shown = {
        name: getattr(value, "__name__", value) for name, value in settings.items() if name not in UNREFINED
    }
    return ", ".join(f"{name} {value}" for name, value in shown.items()) or "as usual"
