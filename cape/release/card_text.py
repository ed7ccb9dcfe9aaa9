"""The text of a model card: what a surrogate solves, how to use it, its errors, and where it comes from."""

import math

from cape.datasets.equations.equation import EQUATIONS
from cape.model.conditioning import CONDITIONINGS
from cape.release.card_errors import errors
from cape.release.card_problem import equation, grid
from cape.release.card_provenance import contents, data, training
from cape.release.markdown import enumeration
from cape.release.model_card import ModelCard
from cape.solvers.solver import SOLVERS


def card_text(card: ModelCard) -> str:
    """Write a model card as Markdown."""
    sections = (_front_matter, _title, _program, equation, grid, errors, data, training, contents)
    return "\n\n".join(section(card) for section in sections) + "\n"


def _front_matter(card: ModelCard) -> str:
    tags = ("pde", "neural-operator", "surrogate", "jax", card.problem.equation)
    lines = ["---", f"license: {card.licence.lower()}", "library_name: cape-jax", "tags:"]
    return "\n".join([*lines, *(f"- {tag}" for tag in tags), "---"])


def _title(card: ModelCard) -> str:
    problem, model = card.problem, card.experiment.model
    known = EQUATIONS.parts.get(problem.equation)
    title = known.title if known and known.title else problem.equation
    return (
        f"# {card.name}\n\n"
        f"A neural surrogate of {title} in {problem.dimension}D. One step advances {enumeration(problem.channels)} by "
        f"{problem.dt:.4g}, at any {enumeration(problem.parameters)} of the trained range. The model is the base "
        f"solver `{SOLVERS.name_of(type(model.base))}` with the conditioning "
        f"`{CONDITIONINGS.name_of(type(model.conditioning))}`; it has {card.parameter_count:,} trained weights."
        f"{_identified(card)}"
    )


def _identified(card: ModelCard) -> str:
    """Say which equation was found in the training data."""
    if not card.identified:
        return ""
    sentence = "This equation was found in the training data, and the network corrects its steps:"
    return f" {sentence}\n\n    {card.identified}"


def _program(card: ModelCard) -> str:
    problem, history = card.problem, card.experiment.model.history
    given, frames = ((history,), f":{history}") if history > 1 else ((), "0")
    shape = ", ".join(map(str, (card.sample.samples, *given, *problem.resolution, len(problem.channels))))
    bounds = zip(problem.parameters, problem.low, problem.high, strict=True)
    values = ", ".join(f'"{name}": {_middle(low, high):.2g}' for name, low, high in bounds)
    return f"""```python
import cape
from cape.datasets.opening import open_files
from cape.locate import locate

surrogate = cape.load("{card.address}")
u0 = open_files(locate("{card.address}") / "sample.hdf5").read()[:, {frames}]  # [{shape}]; or your data
frames = surrogate.rollout(u0, {{{values}}}, steps={card.steps})
```"""


def _middle(low: float, high: float) -> float:
    """Return the geometric mean of a positive range, else the arithmetic mean."""
    return math.sqrt(low * high) if low > 0 else (low + high) / 2
