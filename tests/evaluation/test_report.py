"""Reports: the command and the function give one thing, as text, HTML, figures and files."""

import dataclasses
import json
import sys
from html.parser import HTMLParser

import h5py
import numpy as np
import pytest
from small_files import cell_centres, write_compressible
from small_surrogates import surrogate_of

from cape.cli import main
from cape.datasets.arrays import in_memory
from cape.datasets.opening import open_files
from cape.evaluation import files
from cape.evaluation.error_tables import evaluation_text
from cape.evaluation.evaluate import evaluate as measure
from cape.evaluation.protocols import PROTOCOLS
from cape.pretrained import save
from cape.problem import Problem
from cape.report import Report, evaluate

POINTS, FRAMES = 32, 5


def waves(parameter="beta", channels=("u",), points=POINTS, frames=FRAMES, dt=0.1, values=(0.2, 0.5, 1.0)):
    """u = sin(2π(x - βt) + φ) from two phases φ at each value; further channels are multiples of it."""
    x, t = (np.arange(points) + 0.5) / points, dt * np.arange(frames)
    beta, phase = np.repeat(values, 2), np.tile([0, 1], len(values))
    angle = 2 * np.pi * (x - beta[:, None, None] * t[:, None]) + phase[:, None, None]
    u = np.sin(angle)[..., None] * np.arange(1, len(channels) + 1)
    return in_memory(
        u.astype(np.float32), beta[:, None], (parameter,), channel_names=channels, coordinates=(x,), times=t,
        boundaries=("periodic",), equation="advection", initial_conditions=phase,
    )  # fmt: skip


def trained_on(data):
    """An untrained surrogate that was trained on the first two values of the data, as it believes."""
    return surrogate_of(Problem.of(data.select(data.parameters[:, 0] < 0.9)))


class Cells(HTMLParser):
    """Collects the texts of the cells of all tables, row by row, and checks that all tags are closed."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.open = [], []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        assert tag in ("table", "thead", "tbody", "tfoot", "tr", "th", "td", "span", "caption", "p")
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.rows and self.open and self.open[-1] in ("td", "th", "span"):
            self.rows[-1][-1] += data


def test_a_report_is_the_evaluation_on_the_training_grid_and_time_step():
    """Data with twice the points and half the time step give what the thinned data give."""
    coarse, fine = waves(), waves(points=2 * POINTS, frames=2 * FRAMES - 1, dt=0.05)
    surrogate = trained_on(fine.subsample(space=2, time=2))
    report = evaluate(surrogate, fine)
    expected = measure(surrogate.at, fine.subsample(space=2, time=2), surrogate.problem.training_values)
    assert [row.values for row in report.evaluation.rows] == [row.values for row in expected.rows]
    assert [row.kind for row in report.evaluation.rows] == ["seen", "seen", "extrapolated"]
    assert len(report.evaluation.times) == coarse.frames - 1
    assert len(evaluate(surrogate, fine, steps=2).evaluation.times) == 2
    assert len(evaluate(surrogate, fine, time_stride=2, space_stride=1, steps=1).evaluation.times) == 1


@pytest.mark.thorough
def test_the_finer_grid_of_the_data_is_used_by_the_protocols():
    fine = waves(points=2 * POINTS)
    report = evaluate(trained_on(fine.subsample(space=2)), fine, protocols=True)
    assert list(report.protocols) == [protocol.name for protocol in PROTOCOLS]
    assert [row["kind"] for row in report.protocols["resolution"]] == ["seen", "extrapolated"]
    assert "no longer horizon" in str(report) and "no longer horizon" in report._repr_html_()


def test_data_that_do_not_fit_are_refused():
    surrogate = trained_on(waves())
    with pytest.raises(ValueError, match="parameter"):
        evaluate(surrogate, waves(parameter="nu"))
    with pytest.raises(ValueError, match="one step of the surrogate is 0.1 long"):
        evaluate(surrogate, waves(dt=0.07))
    with pytest.raises(ValueError, match="9 steps asked for"):
        evaluate(surrogate, waves(), steps=9)


def test_printed_it_is_the_table_and_its_repr_is_a_line():
    report = evaluate(trained_on(waves()), waves())
    assert str(report) == evaluation_text(report.evaluation)
    assert repr(report).startswith("<Report of 3 parameter values, mean nRMSE: seen ") and "\n" not in repr(
        report
    )


def test_the_html_has_the_cells_of_the_text():
    data = waves(channels=("u", "v"))
    report = evaluate(trained_on(data), data, protocols=True)
    html = report._repr_html_()
    words = [word for row in Cells(html).rows for cell in row for word in cell.split() if word not in "●■▲"]
    lines = str(report).splitlines()
    assert words[:3] == ["beta", "kind", "samples"] and set(words) <= {
        w for line in lines for w in line.split()
    }
    for row in report.evaluation.rows:
        assert f"{row.values['nRMSE']:.4f}" in words
    for colour, kind in (("#0072B2", "seen"), ("#D55E00", "extrapolated")):
        assert f'{kind} <span style="color: {colour}">' in html
    assert "<caption>nRMSE | VRMSE of each channel</caption>" in html


def test_names_are_escaped_in_html():
    data = waves(parameter="<b>&nu", channels=("<script>alert(1)", 'a"b'))
    html = evaluate(trained_on(data), data, protocols=True)._repr_html_()
    assert "<script" not in html and "<b>" not in html
    assert "&lt;b&gt;&amp;nu" in html and "&lt;script&gt;" in html
    rows = Cells(html).rows
    assert rows[0][0] == "<b>&nu"


@pytest.mark.thorough
def test_writing_a_report(tmp_path):
    pytest.importorskip("matplotlib")
    data = waves()
    report = evaluate(trained_on(data), data, protocols=True)
    paths = report.write(tmp_path / "new")
    assert [path.name for path in paths] == ["evaluation.json", "evaluation.csv"]
    assert json.loads(paths[0].read_text())["protocols"] == json.loads(json.dumps(report.protocols))
    again = files.read(tmp_path / "new")
    assert [row.values for row in again.rows] == [row.values for row in report.evaluation.rows]
    named = report.write(tmp_path / "all", figures=True, animations=True)
    assert {path.name for path in named} == {path.name for path in (tmp_path / "all").iterdir()}
    assert {"animation_seen.gif", "animation_extrapolated.gif"} < {path.name for path in named}
    assert {path.stem for path in named if path.suffix == ".png"} == set(report.figures())


def test_a_report_without_figures_does_not_need_matplotlib(tmp_path, monkeypatch):
    report = Report(measure(lambda p: lambda u: u, waves(), np.array([[0.2]])))
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    assert str(report) and report._repr_html_() and report.write(tmp_path)
    with pytest.raises(ImportError, match="figures need matplotlib"):
        report.figures()


@pytest.mark.thorough
def test_evaluate_on_the_command_line(tmp_path, capsys):
    """An untrained 2D surrogate on small files: tables, files and animations; nothing of it without the flags."""
    pytest.importorskip("matplotlib")
    rng, waves = np.random.default_rng(0), np.sin(2 * np.pi * cell_centres(8))
    for m in (0.1, 1.0):
        growth = np.arange(4, dtype=np.float32)[None, :, None, None] * rng.random((2, 4, 8, 8), np.float32)
        fields = {
            name: (waves[:, None] * waves + m * growth).astype(np.float32)
            for name in ("density", "pressure", "Vx", "Vy")
        }
        path = tmp_path / "data" / f"2D_CFD_M{m}_periodic.hdf5"
        path.parent.mkdir(exist_ok=True)
        write_compressible(path, dimension=2, samples=2, without=fields, M=m, eta=0.1, zeta=0.1)
        with h5py.File(path, "r+") as file:
            file.update(fields)
    problem = dataclasses.replace(Problem.of(open_files(tmp_path / "data")), steps=2)
    save(surrogate_of(problem), tmp_path / "model")
    ask = ["evaluate", str(tmp_path / "model"), "--data", str(tmp_path / "data"), "--no-figures", "--out"]
    assert main([*ask, str(tmp_path / "a"), "--protocols", "--animate"]) == 0
    out = capsys.readouterr().out
    for title in (
        "nRMSE | VRMSE of each channel",
        "shuffled",
        "from one initial condition",
        "beyond up to step 3",
    ):
        assert title in out
    content = json.loads((tmp_path / "a" / "evaluation.json").read_text())
    assert [
        len(content["protocols"][name]) for name in ("controls", "response", "horizon", "resolution")
    ] == [2, 1, 1, 0]
    assert (tmp_path / "a" / "animation_seen.gif").read_bytes().startswith(b"GIF")
    assert main([*ask, str(tmp_path / "b")]) == 0
    assert "protocols" not in json.loads((tmp_path / "b" / "evaluation.json").read_text())
    assert sorted(p.name for p in (tmp_path / "b").iterdir()) == ["evaluation.csv", "evaluation.json"]


@pytest.mark.thorough
def test_initial_conditions_of_the_training_are_left_out():
    surrogate, data = trained_on(waves()), waves()
    surrogate.trained_on = (0,)
    report = evaluate(surrogate, data)
    assert [row.samples for row in report.evaluation.rows] == [1, 1, 1]
    assert [row.samples for row in evaluate(surrogate, data, all_samples=True).evaluation.rows] == [2, 2, 2]
    surrogate.trained_on = (0, 1)
    with pytest.raises(ValueError, match="every initial condition was trained or validated on"):
        evaluate(surrogate, data)
