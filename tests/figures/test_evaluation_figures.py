"""Figures: written, not blank, drawn without touching global state; errors are clear."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from cape.datasets.splits import kind_of
from cape.evaluation.evaluation import Evaluation, Example, Row
from cape.evaluation.metric import METRICS, Metric, error_names

matplotlib = pytest.importorskip("matplotlib")
from matplotlib.image import imread  # noqa: E402

from cape.figures.error_by_value import error_by_value  # noqa: E402
from cape.figures.error_over_parameter import error_over_parameter, spread  # noqa: E402
from cape.figures.error_over_time import error_over_time  # noqa: E402
from cape.figures.evaluation_figures import evaluation_figures, field_figure, write_figures  # noqa: E402
from cape.figures.field_panels import field_panels  # noqa: E402
from cape.figures.field_series import FieldSeries  # noqa: E402
from cape.figures.space_time import space_time, space_time_panels  # noqa: E402
from cape.figures.spectrum_panels import spectrum_panels  # noqa: E402
from cape.figures.style import STYLE, save  # noqa: E402
from cape.figures.training_curves import training_curves, write_training_curves  # noqa: E402

TIMES = np.linspace(0.1, 1.0, 10)


def evaluation(values, trained, error=0.1, names=("Nu",)) -> Evaluation:
    """An error that grows in time, the same at every value, and examples in one dimension."""
    rows, examples = [], []
    x, times = np.linspace(0, 1, 16), np.append(0.0, TIMES)
    for value in np.atleast_2d(values):
        curve = error * TIMES
        errors = dict.fromkeys(error_names(), float(curve.mean())) | {"persistence_nRMSE": 0.5}
        over_time = dict.fromkeys(set(error_names()) - {"nRMSE_median"}, curve) | {"persistence_nRMSE": TIMES}
        parameters, kind = dict(zip(names, value.tolist(), strict=True)), kind_of(value, trained)
        rows.append(Row(parameters, kind, 2, 0, errors, over_time, {}))
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
    paths = write_figures(burgers, tmp_path / "new")
    names = ["error_over_parameter.png", "error_over_time.png", "space_time.png", "spectra.png"]
    assert sorted(path.name for path in paths) == names
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == names
    assert all(is_drawn(path) for path in paths)


def test_a_figure_shows_itself_in_a_notebook(burgers):
    figure = dict(evaluation_figures(burgers))["error_over_parameter"]
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_several_parameters_share_a_figure_and_are_told_value_by_value(tmp_path):
    values = [[e, 0.5, m] for e in (1e-8, 1e-3) for m in (0.1, 1.0)]
    several = dataclasses.replace(evaluation(values, values[:2], names=("eta", "zeta", "M")), examples=())
    paths = {path.name: path for path in write_figures(several, tmp_path)}
    assert {"error_over_parameter.png", "error_by_value.png"} < set(paths)
    save(error_over_parameter(several, parameter="M"), tmp_path / "one.png")
    widths = [imread(path).shape[1] for path in (paths["error_over_parameter.png"], tmp_path / "one.png")]
    assert widths[0] > widths[1]  # a panel each for eta and M; zeta does not vary


def test_a_prediction_that_left_the_range_of_numbers_is_drawn(tmp_path):
    assert all(is_drawn(p) for p in write_figures(evaluation([[0.1]], [[0.1]], np.inf), tmp_path))


@pytest.mark.thorough
def test_fields_in_two_dimensions_are_drawn_at_one_value_of_each_kind(tmp_path):
    x, times = (np.arange(12) + 0.5) / 12, np.linspace(0, 1, 3)
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
    paths = write_figures(dataclasses.replace(one, rows=rows, examples=examples), tmp_path)
    assert {p.name for p in paths} == {
        "error_over_parameter.png", "error_over_time.png", "error_by_value.png", "spectra.png",
        "fields_seen.png", "fields_extrapolated.png",
    }  # fmt: skip
    assert all(is_drawn(path) for path in paths)


def test_figures_of_a_prediction_alone(tmp_path):
    fields = np.random.default_rng(0).normal(size=(4, 9, 9, 9, 2))
    for name, frames in {"1": fields[:, :, 0, 0], "2": fields[:, :, :, 0], "3": fields}.items():
        path = tmp_path / f"{name}.png"
        save(field_figure(FieldSeries({"prediction": frames}, np.arange(4), channel_names=("u", "v"))), path)
        assert is_drawn(path)


def test_several_evaluations_share_the_axes(burgers, tmp_path):
    other = evaluation([[0.001], [0.1]], [[0.01]], error=0.3)
    figure = error_over_parameter({"cape": burgers, "film": other}, metric="RMSE")
    save(figure, tmp_path / "both.png")
    assert is_drawn(tmp_path / "both.png")


@pytest.mark.parametrize(
    "error", [*(pytest.param(e, marks=pytest.mark.thorough) for e in (np.inf, np.nan)), 0.0]
)
def test_errors_without_a_logarithm_are_drawn_all_the_same(error, tmp_path):
    values = [[0.1], [0.2], [-1.0]] if error == 0.0 else [[0.1], [4.0]]
    without = dataclasses.replace(evaluation(values, [[0.1]], error), examples=())
    assert all(is_drawn(path) for path in write_figures(without, tmp_path))


@pytest.mark.thorough
def test_a_single_value_is_enough(tmp_path):
    assert all(is_drawn(path) for path in write_figures(evaluation([[0.1]], [[0.1]]), tmp_path))


def test_training_curves(tmp_path):
    records = [{"step": i, "epoch": i // 10, "loss": 1 / (i + 1), "phase": "warm-up"} for i in range(30)]
    records += [{"step": i, "loss": 1 / (i + 1), "phase": "curriculum"} for i in range(30, 500)]
    records += [{"step": 500, "validation_error": 0.3, "kept": True}, {"step": 500, "validation_error": None}]
    save(training_curves(records), tmp_path / "training.png")
    save(training_curves([{"step": 0, "loss": 1.0}, {"step": 1, "loss": 0.5}]), tmp_path / "short.pdf")
    assert is_drawn(tmp_path / "training.png")
    assert (tmp_path / "short.pdf").read_bytes().startswith(b"%PDF")


def test_training_curves_of_a_run_are_written_into_its_folder(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 0, "loss": 1.0}\n{"step": 1, "loss": 0.5}\n')
    path = write_training_curves(tmp_path)
    assert path == tmp_path / "evaluation" / "training.png" and is_drawn(path)


def test_a_registered_metric_is_drawn_under_its_name(burgers, monkeypatch):
    named = [name for name, _ in evaluation_figures(burgers)]
    assert not any("energy" in name for name in named)
    monkeypatch.setitem(METRICS.parts, "energy", Metric("energy", lambda p, t: p, "of no use"))
    rows = [
        dataclasses.replace(
            row, values=row.values | {"energy": 0.1}, over_time=row.over_time | {"energy": 0.1 * TIMES}
        )
        for row in burgers.rows
    ]
    named = {name for name, _ in evaluation_figures(dataclasses.replace(burgers, rows=tuple(rows)))} - set(
        named
    )
    assert named == {"error_over_time_energy", "error_over_parameter_energy"}


def test_a_diverging_curve_does_not_hide_the_others(burgers):
    rows = list(burgers.rows)
    for number, curve in (
        (1, np.geomspace(1e8, 1e30, 10)),
        (2, np.full(10, np.inf)),
    ):  # from the first frame on
        over_time = rows[number].over_time | {"nRMSE": curve}
        rows[number] = dataclasses.replace(rows[number], diverged=1, over_time=over_time)
    axes = error_over_time(dataclasses.replace(burgers, rows=tuple(rows))).axes[0]
    assert axes.get_ylim()[1] < 100


def test_labels_are_moved_apart_as_little_as_possible():
    assert spread([0.0, 100.0], 10) == [0.0, 100.0]
    assert spread([50.0, 50.0, 50.0], 10) == [40.0, 50.0, 60.0]
    assert spread([0.0, 4.0, 30.0], 10) == [-3.0, 7.0, 30.0]
    assert spread([], 10) == []


def test_the_spectra_of_a_field_that_has_decayed_show_the_prediction(burgers):
    wave, decayed = burgers.examples[:2]
    decayed = dataclasses.replace(decayed, truth=np.ones_like(decayed.truth))
    both = dataclasses.replace(decayed, prediction=decayed.truth)
    figure = spectrum_panels([wave, decayed, both])
    panels = [axes for axes in figure.axes if axes.get_title()]
    notes = [[text.get_text() for text in axes.texts] for axes in panels]
    assert notes == [[], ["the truth is uniform"], ["truth and prediction are uniform"]]
    for axes in panels[:2]:
        low, high = axes.get_ylim()
        drawn = np.concatenate([line.get_ydata() for line in axes.get_lines()])
        assert low < high
        assert np.any((drawn > low) & (drawn < high))


@pytest.mark.thorough
def test_figures_are_objects_and_leave_no_global_state(burgers):
    from matplotlib.figure import Figure

    before = {name: matplotlib.rcParams[name] for name in STYLE}
    assert all(isinstance(figure, Figure) for _, figure in evaluation_figures(burgers))
    assert {name: matplotlib.rcParams[name] for name in STYLE} == before
    assert "matplotlib.pyplot" not in sys.modules


def test_bad_requests_are_refused_and_leave_nothing(unchecked, burgers, tmp_path):
    with pytest.raises(ValueError, match="no parameter 'beta'.*Nu"):
        error_over_parameter(burgers, parameter="beta")
    for draw in (error_over_parameter, error_by_value, error_over_time):
        with pytest.raises(ValueError, match="no error 'MAE'.*expected one of .*nRMSE"):
            draw(burgers, metric="MAE")
    with pytest.raises(ValueError, match=r"got 3\s+times and 1 names"):
        FieldSeries({"prediction": np.zeros((4, 8, 8, 1))}, np.arange(3))
    with pytest.raises(ValueError, match="in 2D or 3D.*see space_time"):
        field_panels(FieldSeries({"prediction": np.zeros((4, 8, 1))}, np.arange(4)))
    with pytest.raises(ValueError, match=r"\[time, x, channel\]"):
        space_time_panels(FieldSeries({"prediction": np.zeros((4, 8, 8, 1))}, np.arange(4)))
    with pytest.raises(ValueError, match="one space dimension"):
        space_time([])
    with pytest.raises(ValueError, match="no examples to draw spectra of"):
        spectrum_panels([])
    with pytest.raises(ValueError, match="'step' and 'loss'"):
        training_curves([{"step": 3}])
    with pytest.raises(ValueError, match="nosuchformat"):
        save(error_over_time(burgers), tmp_path / "a.nosuchformat")
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_the_way_out_is_named(burgers, monkeypatch):
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"figures need matplotlib: pip install 'cape-jax\[plot\]'"):
        error_over_time(burgers)


def test_importing_cape_and_its_figures_does_not_import_matplotlib():
    code = (
        "import sys, cape, cape.figures.animation, cape.figures.evaluation_figures, cape.figures.training_curves, "
        "cape.report; sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
