"""The benchmark of a surrogate against its solver compares like with like."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from flax import nnx

from cape.model.config import FNO, Film, ModelConfig
from cape.pretrained import load, save
from cape.problem import Problem
from cape.surrogate import Surrogate

FILE = Path(__file__).parents[1] / "benchmarks" / "solver_speed.py"
specification = importlib.util.spec_from_file_location("solver_speed", FILE)
solver_speed = importlib.util.module_from_spec(specification)
specification.loader.exec_module(solver_speed)


def waves(points, d, wave_number=2):
    """sin(2πkx + ...) at cell centres: [1, 1, *space, 1]."""
    x = (np.arange(points) + 0.5) / points
    grid = np.meshgrid(*[x] * d, indexing="ij")
    return np.sin(2 * np.pi * wave_number * sum(grid) + 0.3)[None, None, ..., None]


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize(("cells", "points"), [(9, 16), (12, 16), (24, 16)])
def test_what_is_resolved_reaches_another_grid_exactly_by_fourier(d, cells, points):
    linear, fourier = solver_speed.on_points(waves(cells, d), points, periodic=True)
    np.testing.assert_allclose(fourier, waves(points, d), atol=1e-12)
    assert 0.01 < np.abs(linear - waves(points, d)).max() < 1
    (same,) = solver_speed.on_points(fourier, points, periodic=True)
    np.testing.assert_array_equal(same, fourier)


def test_between_walls_a_straight_line_stays_one():
    x = lambda n: ((np.arange(n) + 0.5) / n)[None, None, :, None]  # noqa: E731
    (found,) = solver_speed.on_points(x(8), 4, periodic=False)
    np.testing.assert_allclose(found, x(4), atol=1e-12)


def test_the_error_leaves_the_first_frame_out():
    truth = np.concatenate([waves(16, 1)] * 3, 1)
    worse = truth.copy()
    worse[:, 0] += 5
    assert solver_speed.error(worse, truth) == 0
    worse[:, 2] *= 1.1
    assert solver_speed.error(worse, truth) == pytest.approx(0.05)


@pytest.fixture
def model(tmp_path):
    problem = Problem(
        equation="burgers",
        channels=("u",),
        parameters=("Nu",),
        boundaries=("periodic",),
        resolution=(16,),
        origin=(1 / 32,),
        length=(1.0,),
        dt=0.1,
        steps=2,
        channel_mean=(0.0,),
        channel_std=(1.0,),
        low=(0.05,),
        high=(0.5,),
    )
    save(Surrogate(problem, ModelConfig(FNO(4, 3, 1, 4), Film(4)), rngs=nnx.Rngs(0)), tmp_path)
    return tmp_path


def test_the_solver_is_as_coarse_as_its_error_allows(model):
    comparison = solver_speed.Comparison(load(model), samples=4, most=1, finer=3)
    values = np.array([0.2])
    truth = comparison.reference(values)
    (setting, *_) = solver_speed.settings_of(comparison.equation)
    assert setting == {"refinement": 1, "courant": 0.5, "dtype": np.float32}
    cells, found = comparison.coarsest(values, truth, setting, 0.02)
    assert found <= 0.02 and cells > solver_speed.CELLS[0]
    coarser = solver_speed.CELLS[solver_speed.CELLS.index(cells) - 1]
    u = comparison.solve(comparison.initial, 4, values, coarser, **setting)
    assert min(solver_speed.error(way, truth) for way in solver_speed.on_points(u, 16, True)) > 0.02
    assert comparison.coarsest(values, truth, setting, 0.0) is None


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
