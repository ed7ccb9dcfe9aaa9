"""Sections of a model card on the problem: equation, parameters, domain, training grid."""

from cape.datasets.equations.equation import EQUATIONS
from cape.release.markdown import enumeration, table
from cape.release.model_card import ModelCard

_MOST_LISTED_VALUES = 16


def equation(card: ModelCard) -> str:
    """Describe the equation, the domain and the parameters."""
    problem = card.problem
    known = EQUATIONS.parts.get(problem.equation)
    formula = f"    {known.formula}\n\n" if known and known.parameter_names == problem.parameters else ""
    axes = zip(problem.origin, problem.length, problem.resolution, problem.boundaries, strict=True)
    domain = " x ".join(f"{_interval(start, length, n)} ({boundary})" for start, length, n, boundary in axes)
    return (
        f"## Equation\n\n{formula}for {enumeration(problem.channels)} on {domain}. All quantities are dimensionless, "
        f"including time and space.\n\n{_parameters(card)}"
    )


def grid(card: ModelCard) -> str:
    """Describe the grid, the time step and the rollouts of the training."""
    problem = card.problem
    return (
        "## Trained on\n\n"
        f"{' x '.join(map(str, problem.resolution))} points (values at cell centres), a time step of "
        f"{problem.dt:.6g}, {_rollouts(card)} (to t = {problem.dt * problem.steps:.4g}). "
        "Longer rollouts and parameters outside the trained range are extrapolation: expect larger errors than below. "
        "`rollout` warns of both."
    )


def _parameters(card: ModelCard) -> str:
    problem = card.problem
    known = EQUATIONS.parts.get(problem.equation)
    meanings = {}
    if known and known.parameter_names == problem.parameters:
        meanings = {parameter.name: parameter.meaning for parameter in known.parameters}
    rows = [["parameter", "meaning", "unit", "trained range", "trained values"]]
    for i, name in enumerate(problem.parameters):
        values = sorted({vector[i] for vector in problem.values})
        listed = ", ".join(f"{v:g}" for v in values) if 0 < len(values) <= _MOST_LISTED_VALUES else "many"
        interval = f"{problem.low[i]:g} to {problem.high[i]:g}"
        rows.append([name, meanings.get(name, "as in the data"), "dimensionless", interval, listed])
    return table(rows)


def _rollouts(card: ModelCard) -> str:
    model = card.experiment.model
    if model.history == 1:
        return f"rollouts of {card.steps} steps"
    several = f", {model.bundle} in each step" if model.bundle > 1 else ""
    return f"rollouts of {card.steps} frames after {model.history} given frames{several}"


def _interval(origin: float, length: float, points: int) -> str:
    """Write the extent of an axis, from half a cell before the first centre; rounded, as coordinates are float32."""
    start = round(origin - length / points / 2, 6) + 0.0
    return f"[{start:g}, {start + length:g})"
