"""An identified equation as text, in the units of the data."""

import math

import numpy as np

from cape.identification.equation import IdentifiedEquation
from cape.identification.parameter_basis import CONSTANT, QUADRATIC, function_of_each
from cape.identification.terms import WAVE_NUMBER_UNIT, Factor, Term
from cape.identification.variables import variable_definitions, variable_name
from cape.problem import Problem

_AXES = "xyz"
_SHOWN = 1e-2  # of the largest coefficient of terms of the same kind, below which a part is not shown
_MOST_TERMS = 12


def equation_text(equation: IdentifiedEquation, problem: Problem) -> str:
    """Return lines such as "∂u/∂t = 1.01 nu ∂xx u - 0.998 u ∂x u", or the number of terms if there are many.

    Variables that are not channels are defined at the end: "with a = ln density".
    """
    definitions = variable_definitions(equation.variables, problem)
    ending = f"; with {', '.join(definitions)}" if definitions else ""
    if len(equation.terms) > _MOST_TERMS * (len(problem.channels) if definitions else 1):
        return f"an equation of {len(equation.terms)} terms{ending}"
    lines = []
    for output in range(len(problem.channels)):
        name = variable_name(equation.variables, problem, output)
        parts = [
            _term_text(term, row, equation, problem)
            for term, row in zip(equation.terms, equation.coefficients, strict=True)
            if term.output == output
        ]
        lines.append(
            f"∂{name}/∂t = " + (" + ".join(part for part in parts if part) or "0").replace("+ -", "- ")
        )
    return "; ".join(lines) + ending


def _term_text(term: Term, row: tuple[float, ...], equation: IdentifiedEquation, problem: Problem) -> str:
    """Return a term with its coefficient in physical units; empty if the coefficient is negligible."""
    stds = tuple(variable.std for variable in equation.variables) or problem.channel_std
    unit = 1 / problem.dt * stds[term.output]
    for factor in term.factors:
        unit /= stds[factor.channel]
        for length, power in zip(problem.length, factor.powers, strict=True):
            unit *= (length / (2 * math.pi * WAVE_NUMBER_UNIT)) ** power
        if factor.stream:
            unit *= (2 * math.pi * WAVE_NUMBER_UNIT / problem.length[0]) ** 2
    largest = max(abs(c) for c in row)
    names = _function_names(equation, problem)
    shown = [
        _coefficient_text(coefficient * unit * scale, name)
        for coefficient, (name, scale) in zip(row, names, strict=True)
        if abs(coefficient) > _SHOWN * largest
    ]
    if not shown or largest == 0:
        return ""
    coefficient = shown[0] if len(shown) == 1 else "(" + " + ".join(shown).replace("+ -", "- ") + ")"
    rest = " ".join([*(_factor_text(f, equation, problem) for f in term.factors), *_force_text(term)])
    if rest and coefficient in ("1", "-1"):
        return coefficient[:-1] + rest
    return f"{coefficient} {rest}".strip()


def _coefficient_text(value: float, name: str) -> str:
    number = f"{value:.3g}"
    if name and not name.startswith("/") and number in ("1", "-1"):
        return number[:-1] + name
    return number + (" " if name and not name.startswith("/") else "") + name


def _function_names(equation: IdentifiedEquation, problem: Problem) -> list[tuple[str, float]]:
    """Return the name of every function of the parameters, and the factor that puts it into physical units."""
    largest = np.abs(problem.scale).max(0)
    pairs = list(zip(problem.parameters, np.where(largest == 0, 1.0, largest), strict=True))
    if equation.basis == CONSTANT:
        return [("", 1.0)]
    if equation.basis == QUADRATIC:
        products = [
            (f"{name} {other}", 1 / (high * higher))
            for i, (name, high) in enumerate(pairs)
            for other, higher in pairs[i:]
        ]
        return [("", 1.0), *((name, 1 / high) for name, high in pairs), *products]
    each = function_of_each(equation.basis, len(pairs))
    return [("", 1.0), *(_of_one(part, *pair) for part, pair in zip(each, pairs, strict=True))]


def _of_one(function: str, name: str, high: float) -> tuple[str, float]:
    return {
        "linear": (name, 1 / high),
        "squares": (f"{name}²", 1 / high**2),
        "inverse": (f"/{name}", high),
        "root": (f"√{name}", high**-0.5),
    }[function]


def _factor_text(factor: Factor, equation: IdentifiedEquation, problem: Problem) -> str:
    name = variable_name(equation.variables, problem, factor.channel)
    name = f"ψ({name})" if factor.stream else name
    axes = "".join(_AXES[axis] * power for axis, power in enumerate(factor.powers))
    return f"∂{axes} {name}" if axes else name


def _force_text(term: Term) -> list[str]:
    if term.factors or not any(term.wave):
        return []
    waves = [f"{k if k != 1 else ''}{_AXES[axis]}" for axis, k in enumerate(term.wave) if k]
    return [f"{'sin' if term.odd else 'cos'}({' + '.join(waves)})"]
