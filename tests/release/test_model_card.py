"""Model cards: the facts on them, and the program on them."""

import dataclasses
import re

import pytest

import cape
from cape.datasets.equations.equation import EQUATIONS
from cape.evaluation import files
from cape.identification.text import equation_text
from cape.locate import shipped
from cape.release.card_errors import errors
from cape.release.model_card import ModelCard


def test_the_card_says_what_was_learnt_from_what(run, published):
    card = (published / "README.md").read_text(encoding="utf-8")
    assert "∂ₜu + β ∂ₓu = 0" in card
    assert "| beta | speed β | dimensionless | 0.4 to 2 | 0.4, 2 |" in card
    assert "for u on [0, 1) (periodic)" in card
    assert "16 points" in card and "a time step of 0.1, rollouts of 4 steps (to t = 0.4)" in card
    assert "Never trained on: beta=1.0" in card and "16 trajectories are trained on" in card
    assert "cape train training.json" in card and "seed 0" in card
    assert f"cape-jax {cape.__version__}" in card and "Apache-2.0" in card
    assert str(run.parent) not in card + (published / "training.json").read_text()
    for row in files.read(run / "evaluation").rows:
        figures = [row.values[name] for name in ("nRMSE", "nRMSE_median", "RMSE", "persistence_nRMSE")]
        shown = " | ".join(f"{figure:.4f}" for figure in figures)
        assert f"| {row.parameters['beta']:.4g} | {row.kind} | 1 | {shown} |" in card


def test_the_card_has_horizons_and_errors_of_spectra_if_they_were_measured(run, published, tmp_path):
    text = (published / "README.md").read_text()
    (head,) = (line for line in text.splitlines() if line.startswith("|") and "median nRMSE" in line)
    names = [cell.strip() for cell in head.strip("|").split("|")]
    assert names.index("error of spectra") == names.index("horizon") + 1
    assert "at most " in text and "The horizon is the time until the correlation" in text
    evaluation = files.read(run / "evaluation")
    older = [
        dataclasses.replace(row, values={k: v for k, v in row.values.items() if k != "spectrum_error"})
        for row in evaluation.rows
    ]
    card = object.__new__(ModelCard)  # of an evaluation of an older version; nothing else is read
    object.__setattr__(card, "evaluation", dataclasses.replace(evaluation, rows=tuple(older)))
    text = errors(card)
    assert "horizon" not in text and "error of spectra" not in text


def test_the_program_on_the_card_runs(published, shelf):
    (program,) = re.findall(
        r"```python\n(.*?)```", (published / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    names = {}
    exec(program, names)
    assert names["frames"].shape == (3, 4, 16, 1)


def test_every_equation_explains_itself():
    for equation in EQUATIONS.parts.values():
        assert equation.title and equation.formula and equation.scheme, equation.name
        assert all(parameter.meaning for parameter in equation.parameters), equation.name


@pytest.mark.thorough
def test_the_cards_of_shipped_surrogates_have_the_equations_that_were_found():
    found = 0
    for folder in shipped().values():
        surrogate, card = cape.load(folder), (folder / "README.md").read_text(encoding="utf-8")
        if surrogate.equation is None:
            assert "was found in the training data" not in card
        else:
            found += 1
            assert f"    {equation_text(surrogate.equation, surrogate.problem)}\n" in card
    assert found
