"""Figures: written, not blank, drawn without touching global state; errors are clear."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from cape.datasets.splits import kind_of
from cape.evaluation.evaluate import FIGURES, Evaluation, Example, Row

pytest.importorskip("matplotlib")
from matplotlib.image import imread  # noqa: E402

from cape.figures import evaluation_figures as plots  # noqa: E402
from cape.figures.field_panels import field_panels  # noqa: E402

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
    names = ["error_over_parameter.png", "error_over_time.png", "space_time.png", "spectra.png"]
    assert sorted(path.name for path in paths) == names
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == names
    assert all(is_drawn(path) for path in paths)


def test_several_parameters_share_a_figure_and_are_told_value_by_value(tmp_path):
    values = [[e, 0.5, m] for e in (1e-8, 1e-3) for m in (0.1, 1.0)]
    several = dataclasses.replace(evaluation(values, values[:2], names=("eta", "zeta", "M")), examples=())
    paths = {path.name: path for path in plots.write_figures(several, tmp_path)}
    assert {"error_over_parameter.png", "error_by_value.png"} < set(paths)
    plots.error_over_parameter(several, tmp_path / "one.png", parameter="M")
    widths = [imread(path).shape[1] for path in (paths["error_over_parameter.png"], tmp_path / "one.png")]
    assert widths[0] > widths[1]  # a panel each for eta and M; zeta does not vary


def test_a_prediction_that_left_the_range_of_numbers_is_drawn(tmp_path):
    assert all(is_drawn(p) for p in plots.write_figures(evaluation([[0.1]], [[0.1]], np.inf), tmp_path))


def test_fields_in_two_dimensions_are_drawn_at_one_value_of_each_kind(tmp_path):
    x, times = (np.arange(12) + 0.5) / 12, np.linspace(0, 1, 5)
    wave = (
        np.sin(2 * np.pi * (x[:, None] + x[None, :]))[None, :, :, None]
        * np.exp(-4 * times)[:, None, None, None]
    )
    truth = np.concatenate([wave, 2 + wave, 0 * wave], axis=-1)  # decays, of one sign, constant
    prediction = truth + 0.1 * times[:, None, None, None]
    prediction[-1, :3] = np.nan
    one = evaluation([[0.01], [0.1], [1.0]], [[0.01]])
    rows = tuple(
        dataclasses.replace(row, channels={c: row.values for c in ("Vx", "density", "Vy")})
        for row in one.rows
    )
    examples = tuple(
        Example(row.parameters, row.kind, truth, prediction, times, (x, x), ("Vx", "density", "Vy"))
        for row in rows
    )
    paths = plots.write_figures(dataclasses.replace(one, rows=rows, examples=examples), tmp_path)
    assert {p.name for p in paths} == {
        "error_over_parameter.png", "error_over_time.png", "error_by_value.png", "spectra.png",
        "fields_seen.png", "fields_extrapolated.png",
    }  # fmt: skip
    assert all(is_drawn(path) for path in paths)


def test_pictures_of_a_prediction_alone(tmp_path):
    fields = np.random.default_rng(0).normal(size=(4, 9, 9, 9, 2))
    for name, frames in {"1": fields[:, :, 0, 0], "2": fields[:, :, :, 0], "3": fields}.items():
        path = tmp_path / f"{name}.png"
        plots.picture({"prediction": frames}, path, np.arange(4), channel_names=("u", "v"))
        assert is_drawn(path)


def test_several_evaluations_share_the_axes(burgers, tmp_path):
    other = evaluation([[0.001], [0.1]], [[0.01]], error=0.3)
    plots.error_over_parameter({"cape": burgers, "film": other}, tmp_path / "both.png", figure="RMSE")
    assert is_drawn(tmp_path / "both.png")


@pytest.mark.parametrize("error", [np.inf, np.nan, 0.0])
def test_errors_without_a_logarithm_are_drawn_all_the_same(error, tmp_path):
    values = [[0.1], [0.2], [-1.0]] if error == 0.0 else [[0.1], [4.0]]
    without = dataclasses.replace(evaluation(values, [[0.1]], error), examples=())
    assert all(is_drawn(path) for path in plots.write_figures(without, tmp_path))


def test_a_single_value_is_enough(tmp_path):
    assert all(is_drawn(path) for path in plots.write_figures(evaluation([[0.1]], [[0.1]]), tmp_path))


def test_training_curves(tmp_path):
    records = [{"step": i, "epoch": i // 10, "loss": 1 / (i + 1), "phase": "warm-up"} for i in range(30)]
    records += [{"step": i, "loss": 1 / (i + 1), "phase": "curriculum"} for i in range(30, 500)]
    records += [{"step": 500, "validation_error": 0.3, "kept": True}, {"step": 500, "validation_error": None}]
    plots.training_curves(records, tmp_path / "training.png")
    plots.training_curves([{"step": 0, "loss": 1.0}, {"step": 1, "loss": 0.5}], tmp_path / "short.pdf")
    assert is_drawn(tmp_path / "training.png")
    assert (tmp_path / "short.pdf").read_bytes().startswith(b"%PDF")


def test_bad_requests_are_refused_and_leave_nothing(burgers, tmp_path):
    with pytest.raises(ValueError, match="no parameter 'beta'.*Nu"):
        plots.error_over_parameter(burgers, tmp_path / "a.png", parameter="beta")
    with pytest.raises(ValueError, match=r"got 3\s+times and 1 names"):
        plots.picture({"prediction": np.zeros((4, 8, 8, 1))}, tmp_path / "a.png", np.arange(3))
    with pytest.raises(ValueError, match="in 2D or 3D.*see space_time"):
        field_panels({"prediction": np.zeros((4, 8, 1))}, tmp_path / "a.png", np.arange(4))
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
    code = "import sys, cape, cape.figures.animation, cape.figures.evaluation_figures; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
