"""The benchmark of a surrogate against its solver compares the two at equal error."""

import json
import sys

import numpy as np
import pytest
import solver_speed
from flax import nnx
from interpolation import interpolations
from small_surrogates import problem_of
from solver_comparison import CELLS, Comparison, nrmse
from solver_settings import settings_text, unrefined_settings

from cape.model.conditionings.film import FiLMConfig
from cape.model.config import ModelConfig
from cape.pretrained import load, save
from cape.solvers.fno import FNOConfig
from cape.surrogate import Surrogate


def test_the_error_leaves_the_first_frame_out():
    truth = np.sin(2 * np.pi * np.arange(16) / 16 + 0.3)[None, None, :, None].repeat(3, 1)
    worse = truth.copy()
    worse[:, 0] += 5
    assert nrmse(worse, truth) == 0
    worse[:, 2] *= 1.1
    assert nrmse(worse, truth) == pytest.approx(0.05)


@pytest.fixture
def model(tmp_path):
    problem = problem_of("burgers", points=16, steps=2, low=(0.05,), high=(0.5,))
    base = FNOConfig(width=4, modes=3, layers=1, projection=4)
    save(Surrogate(problem, ModelConfig(base, FiLMConfig(4)), rngs=nnx.Rngs(0)), tmp_path)
    return tmp_path


@pytest.mark.thorough
def test_the_solver_is_as_coarse_as_its_error_allows(model):
    comparison = Comparison(load(model), samples=4, largest_batch=1, finer=3)
    values = np.array([0.2])
    truth = comparison.reference(values)
    (settings, *_) = unrefined_settings(comparison.equation)
    assert settings == {"refinement": 1, "courant": 0.5, "dtype": np.float32}
    assert settings_text(settings) == "courant 0.5, dtype float32"
    _, cells, found = comparison.coarsest(values, truth, settings, 0.02)
    assert found <= 0.02 and cells > CELLS[0]
    coarser = CELLS[CELLS.index(cells) - 1]
    u = comparison.solve(comparison.initial, 4, values, coarser, **settings)
    assert min(nrmse(way, truth) for way in interpolations(u, 16, True)) > 0.02
    assert comparison.coarsest(values, truth, settings, 0.0) is None
    comparison.median_times = lambda calls, *_, **__: {"solver": calls["solver"]()}
    times = lambda cells, settings: lambda: float(cells)  # noqa: E731
    slower = comparison._slower_grid(values, truth, settings, times, iter((8, 12, 16, 24, 32)), 20.0)
    assert slower["slower_cells"] == slower["slower_ms"] == 24
    u = comparison.solve(comparison.initial, 4, values, 24, **settings)
    assert slower["slower_error"] == min(nrmse(way, truth) for way in interpolations(u, 16, True))
    assert comparison._slower_grid(values, truth, settings, times, iter((8, 256)), 20.0) == {}


@pytest.mark.thorough
def test_a_table_and_json_are_printed(model, monkeypatch, capsys):
    options = [
        "--samples",
        "4",
        "--batch",
        "1",
        "2",
        "--seconds",
        "0",
        "--finer",
        "3",
        "--parameter",
        "Nu=0.2",
    ]
    monkeypatch.setattr(sys, "argv", ["solver_speed.py", str(model), *options])
    solver_speed.main()
    printed = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("| Nu 0.2 |") and "wins" in line for line in printed) == 2
    (row,) = json.loads(printed[-1])["rows"]
    assert [b["batch"] for b in row["batches"]] == [1, 2]
    assert all(b["solver_error"] <= row["error"] and b["solver_ms"] > 0 for b in row["batches"])


def test_a_line_tells_from_which_grid_on_the_surrogate_is_faster():
    timed = {"solver_ms": 1.0, "surrogate_ms": 2.0, "cells": 16, "solver_error": 0.1}
    assert solver_speed._wins_from(timed) == "none tried"
    assert solver_speed._wins_from(timed | {"slower_cells": 32, "slower_error": 0.02}) == "32, 0.02"
    assert solver_speed._wins_from(timed | {"solver_ms": 3.0}) == "16, 0.1"


def test_errors_name_what_was_expected():
    problem = problem_of("burgers")
    np.testing.assert_allclose(np.concatenate(solver_speed.parameter_vectors(problem, ["Nu=0.2"])), [0.2])
    with pytest.raises(ValueError, match="expected a value for each of Nu, got beta"):
        solver_speed.parameter_vectors(problem, ["beta=0.2"])
    with pytest.raises(ValueError, match="expected NAME=VALUE"):
        solver_speed.parameter_vectors(problem, ["0.2"])
    advection = Surrogate(
        problem_of("advection"), ModelConfig(FNOConfig(4, 3, 1, 4), FiLMConfig(4)), rngs=nnx.Rngs(0)
    )
    with pytest.raises(SystemExit, match="no solver to compare with"):
        Comparison(advection, samples=1, largest_batch=1, finer=3)
    fields = dict(parameters=("viscosity",), low=(0.1,), high=(1.0,))
    other = Surrogate(
        problem_of("burgers", **fields), ModelConfig(FNOConfig(4, 3, 1, 4), FiLMConfig(4)), rngs=nnx.Rngs(0)
    )
    with pytest.raises(SystemExit, match="expected a surrogate of data that `cape simulate` wrote"):
        Comparison(other, samples=1, largest_batch=1, finer=3)
