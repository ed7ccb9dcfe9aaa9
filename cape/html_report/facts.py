"""Facts about a surrogate in words: what it solves, how it was trained, and every setting."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from cape import __version__
from cape.config import to_dict
from cape.datasets.equations.equation import EQUATIONS
from cape.experiment import Experiment
from cape.identification.text import equation_text
from cape.model.arrays import count_weights
from cape.model.conditioning import CONDITIONINGS
from cape.problem import Problem
from cape.solvers.solver import SOLVERS
from cape.surrogate import Surrogate


def known_equation(problem: Problem) -> tuple[str, str]:
    """Return title and formula of the equation of the data; the formula is empty if it is unknown."""
    known = EQUATIONS.parts.get(problem.equation)
    if known is None or known.parameter_names != problem.parameters:
        return problem.equation, ""
    return known.title or problem.equation, known.formula


def identified_equation(surrogate: Surrogate) -> str:
    """Return the equation found in the training data as text, or an empty text."""
    if surrogate.equation is None:
        return ""
    return equation_text(surrogate.equation, surrogate.problem)


def facts(surrogate: Surrogate, settings: Experiment | None) -> list[tuple[str, str]]:
    """Return the main facts as (label, text)."""
    problem, config = surrogate.problem, surrogate.config
    grid = " x ".join(map(str, problem.resolution))
    found = [
        ("Channels", ", ".join(problem.channels)),
        ("Trained parameter range", ", ".join(problem.ranges) or "no parameters"),
        ("Grid", f"{grid} points, {', '.join(problem.boundaries)}"),
        ("Time step", f"{problem.dt:.6g}, rollouts of up to {surrogate.trained_steps} steps in training"),
        ("Base solver", f"{SOLVERS.name_of(type(config.base))}, {count_weights(surrogate):,} weights in all"),
        ("Conditioning", CONDITIONINGS.name_of(type(config.conditioning))),
        ("Normalisation", config.normalisation),
    ]
    if settings is not None:
        training = settings.training
        length = f"{training.epochs} epochs" if training.epochs else "as many epochs as suit the data"
        found.append(("Training", f"{length}, seed {training.seed}"))
        held_out = ", ".join(settings.data.held_out)
        found += [("Never trained on", held_out)] if held_out else []
    return [*found, ("Written with", f"cape-jax {__version__}")]


def settings_as_json(surrogate: Surrogate, settings: Experiment | None) -> str:
    """Return all settings as JSON, with data files named without their folders."""
    content: dict[str, Any] = {"model": to_dict(surrogate.config)}
    if settings is not None:
        data = settings.data
        names = tuple(Path(name).name for name in data.files)
        portable = dataclasses.replace(data, files=names, folder=Path(data.folder).name)
        content = to_dict(dataclasses.replace(settings, data=portable))
    return json.dumps(content, indent=1, ensure_ascii=False)
