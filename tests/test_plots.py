"""Figures: written, not blank, drawn without touching global state; errors are clear."""

import subprocess
import sys

import numpy as np
import pytest

from cape.datasets.splits import kind_of
from cape.evaluation import FIGURES, Evaluation, Example, Row

pytest.importorskip("matplotlib")
from matplotlib.image import imread  # noqa: E402

from cape import plots  # noqa: E402

TIMES = np.linspace(0.1, 1.0, 10)


def evaluation(values, trained, error=0.1, names=("Nu",)) -> Evaluation:
    """An error that grows in time, the same at every value, and examples in one dimension."""
    rows, examples = [], []
    x, times = np.linspace(0, 1, 16), np.append(0.0, TIMES)
    for value in np.atleast_2d(values):
        curve = error * TIMES
        figures = dict.fromkeys(FIGURES, float(curve.mean())) | {"persistence_nRMSE": 0.5}
        over_time = dict.fromkeys(set(FIGURES) - {"nRMSE_median"}, curve) | {"persistence_nRMSE": TIMES}
        parameters, kind = dict(zip(names, value.tolist(), strict=True)), kind_of(value, trained)
        rows.append(Row(parameters, kind, 2, 0, figures, over_time, {}))
        truth = np.sin(2 * np.pi * (x[None] - times[:, None]))[..., None]
        examples.append(Example(parameters, kind, truth, truth + error, times, (x,), ("u",)))
    return Evaluation(tuple(rows), TIMES, np.asarray(trained), tuple(examples))


@pytest.fixture
def burgers() -> Evaluation:
    return evaluation([[0.001], [0.01], [0.1], [1.0]], [[0.01], [1.0]])


def is_drawn(path) -> bool:
    pixels = imread(path)
    return min(pixels.shape[:2]) > 300 and pixels[..., :3].std() > 0.02


def test_every_figure_of_an_evaluation(burgers, tmp_path):
    paths = plots.write_figures(burgers, tmp_path / "new")
    names = ["error_over_parameter.png", "error_over_time.png", "space_time.png"]
    assert sorted(path.name for path in paths) == names
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == names
    assert all(is_drawn(path) for path in paths)


def test_one_figure_per_parameter_that_varies(tmp_path):
    values = [[e, 0.5, m] for e in (1e-8, 1e-3) for m in (0.1, 1.0)]
    several = evaluation(values, values[:2], names=("eta", "zeta", "M"))
    names = {path.name for path in plots.write_figures(several, tmp_path)}
    assert {"error_over_parameter_eta.png", "error_over_parameter_M.png"} < names
    assert "error_over_parameter_zeta.png" not in names


def test_several_evaluations_share_the_axes(burgers, tmp_path):
    other = evaluation([[0.001], [0.1]], [[0.01]], error=0.3)
    plots.error_over_parameter({"cape": burgers, "film": other}, tmp_path / "both.png", figure="RMSE")
    assert is_drawn(tmp_path / "both.png")


@pytest.mark.parametrize("error", [np.inf, np.nan, 0.0])
def test_errors_without_a_logarithm_are_drawn_all_the_same(error, tmp_path):
    values = [[0.1], [0.2], [-1.0]] if error == 0.0 else [[0.1], [4.0]]
    assert all(is_drawn(path) for path in plots.write_figures(evaluation(values, [[0.1]], error), tmp_path))


def test_a_single_value_is_enough(tmp_path):
    assert all(is_drawn(path) for path in plots.write_figures(evaluation([[0.1]], [[0.1]]), tmp_path))


def test_training_curves(tmp_path):
    records = [{"step": i, "epoch": i // 10, "loss": 1 / (i + 1), "phase": "warm-up"} for i in range(30)]
    records += [{"step": i, "loss": 1 / (i + 1), "phase": "curriculum"} for i in range(30, 500)]
    records += [{"step": 500, "validation_error": 0.3}, {"step": 500, "validation_error": None}]
    plots.training_curves(records, tmp_path / "training.png")
    plots.training_curves([{"step": 0, "loss": 1.0}, {"step": 1, "loss": 0.5}], tmp_path / "short.pdf")
    assert is_drawn(tmp_path / "training.png")
    assert (tmp_path / "short.pdf").read_bytes().startswith(b"%PDF")


def test_bad_requests_are_refused_and_leave_nothing(burgers, tmp_path):
    with pytest.raises(ValueError, match="no parameter 'beta'.*Nu"):
        plots.error_over_parameter(burgers, tmp_path / "a.png", parameter="beta")
    with pytest.raises(ValueError, match="one space dimension"):
        plots.space_time([], tmp_path / "a.png")
    with pytest.raises(ValueError, match="'step' and 'loss'"):
        plots.training_curves([{"step": 3}], tmp_path / "a.png")
    with pytest.raises(ValueError, match="nosuchformat"):
        plots.error_over_time(burgers, tmp_path / "a.nosuchformat")
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_the_way_out_is_named(burgers, tmp_path, monkeypatch):
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"figures need matplotlib: pip install 'cape-jax\[plot\]'"):
        plots.error_over_time(burgers, tmp_path / "a.png")


def test_importing_cape_and_its_plots_does_not_import_matplotlib():
    code = "import sys, cape, cape.evaluation, cape.plots; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
