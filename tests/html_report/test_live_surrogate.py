"""The surrogate in the page: its frames are those of `rollout`, it is fast, and dragging changes the field."""

import dataclasses
import json
import re

import numpy as np
import pytest
from flax import nnx
from small_surrogates import problem_of, surrogate_of

from cape.datasets.opening import open_files
from cape.evaluation.evaluation import Evaluation, Example, Row
from cape.html_report.live_surrogate import live_data, reason_against
from cape.html_report.page import page, write_page
from cape.html_report.run_contents import RunContents
from cape.identification.equation import IdentifiedEquation
from cape.identification.terms import Factor, Term
from cape.locate import locate
from cape.model.conditionings.cape import CAPEConfig
from cape.model.config import ModelConfig
from cape.pretrained import load
from cape.report import Report
from cape.solvers.factorised_fno import FactorisedFNOConfig
from cape.solvers.fno import FNOConfig
from cape.surrogate import Surrogate

LARGEST = 1e-4  # relative error that the page may make; 1e-6 is measured
HEADS = {"heads": 3, "width": 6}
LINE, PLANE = FNOConfig(6, 3, 2, 8, kernel=3), FactorisedFNOConfig(6, 3, 2, 2, 8, kernel=3)
IN_1D = IdentifiedEquation(
    "squares",
    (Term(0, (Factor(0, (2,)),)), Term(0, (Factor(0, (0,)), Factor(0, (1,)))), Term(0, (), (1,), True)),
    ((0.1, 0.3), (-0.4, 0.0), (0.05, 0.0)),
    2,
    0.01,
    (0.1,),
    0.5,
)
IN_2D = IdentifiedEquation(
    "quadratic",
    (
        *(Term(c, (Factor(c, powers),)) for c in (0, 1) for powers in ((2, 0), (0, 2), (1, 0))),
        Term(0, (Factor(0, (0, 1), stream=True), Factor(0, (1, 0)))),
        Term(1, (Factor(0, (0, 0)), Factor(1, (0, 0)))),
        Term(1, (), (1, -2)),
    ),
    tuple((0.1 / n, 0.1, -0.05, 0.02, 0.01, 0.03) for n in range(1, 10)),
    3,
    0.01,
    (0.1, 0.2),
    0.5,
)


def model(equation: str, base, points: int, found: IdentifiedEquation | None = None, **settings) -> Surrogate:
    """An untrained surrogate whose parts that start at zero are set."""
    problem = problem_of(equation, points, steps=4, channel_low=(-1.0,) * (1 if points > 16 else 2))
    conditioning = CAPEConfig(**HEADS, embedding=settings.pop("embedding", "logarithm"))
    config = ModelConfig(base, conditioning, **settings)
    surrogate = Surrogate(problem, config, equation=found, rngs=nnx.Rngs(0))
    surrogate.conditioning.base.scale_output(20.0)
    if surrogate.config.normalisation == "sample":
        surrogate.normalisation.gain[...] = 0.1 + surrogate.normalisation.gain[...]
    return surrogate


def contents(surrogate: Surrogate) -> RunContents:
    """A report with one example, of smooth fields."""
    problem = surrogate.problem
    axes = np.meshgrid(*((np.arange(n) + 0.5) / n for n in problem.resolution), indexing="ij")
    fields = [
        np.sin(2 * np.pi * (axes[0] + c)) + 0.5 * np.cos(4 * np.pi * axes[-1]) + 0.3
        for c in range(len(problem.channels))
    ]
    u = np.stack(fields, -1)[None].repeat(2, 0).astype(np.float32)
    values = dict(zip(problem.parameters, problem.high, strict=True))
    coordinates = tuple((np.arange(n) + 0.5) / n for n in problem.resolution)
    example = Example(values, "seen", u, u, np.array([0.0, 0.1]), coordinates, problem.channels)
    row = Row(values, "seen", 1, 0, {"nRMSE": 0.1}, {}, {})
    found = Evaluation((row,), np.array([0.1]), problem.training_values, (example,))
    return RunContents("live", surrogate, None, Report(found), "Evaluated.", ())


def in_page(
    browser, surrogate: Surrogate, parameters: list[float], steps: int, number: int = 0
) -> np.ndarray:
    frames = browser.evaluate(f"document.getElementById('live').rollout({number}, {parameters}, {steps})")
    shape = (steps, len(surrogate.problem.channels), *surrogate.problem.resolution)
    return np.moveaxis(np.array(frames).reshape(shape), 1, -1)


CASES = {
    "line": lambda: model("burgers", LINE, 32, IN_1D, normalisation="sample", embedding="both"),
    "substeps": lambda: model("burgers", LINE, 32, normalisation="off", substeps=2, embedding="value"),
    "plane": lambda: model("gray-scott", PLANE, 16, IN_2D, normalisation="channel", embedding="waves"),
    "sampled plane": lambda: model("gray-scott", PLANE, 16, normalisation="sample"),
}


@pytest.mark.parametrize("plain", [False, True], ids=["simd", "plain"])
@pytest.mark.parametrize("case", CASES)
def test_the_page_computes_the_frames_of_rollout(browser, tmp_path, case, plain):
    surrogate = CASES[case]()
    shown = contents(surrogate)
    text = page(shown)
    if plain:  # a browser without SIMD refuses the kernels
        text = re.sub(r'"kernels":"[^"]*"', '"kernels":""', text)
    file = tmp_path / "page.html"
    file.write_text(text, encoding="utf-8")
    browser.open(file)
    parameters = [0.3 + 0.1 * i for i in range(len(surrogate.problem.parameters))]
    u0 = shown.evaluation.examples[0].truth[:1]
    expected = np.asarray(surrogate.rollout(u0, np.array(parameters, np.float32), 4))[0]
    assert np.abs(expected[-1] - u0[0]).max() > 0.05  # something happens
    found = in_page(browser, surrogate, parameters, 4)
    assert np.abs(found - expected).max() < LARGEST * np.abs(expected).max()
    assert browser.problems == []


def test_gray_scott_is_exact_and_takes_less_than_50_ms_a_step(browser, tmp_path):
    surrogate, file = load("grayscott2d"), write_page("grayscott2d", tmp_path / "page.html")
    browser.open(file)
    (start,) = json.loads(re.search(r'id="numbers">(.*?)</script>', file.read_text(), re.DOTALL)[1])["live"][
        "starts"
    ]
    u0 = open_files(locate("grayscott2d") / "sample.hdf5").read()[:1, 0]
    values = list(start["parameters"].values())
    expected = np.asarray(surrogate.rollout(u0, np.array(values, np.float32), 5))[0]
    found = in_page(browser, surrogate, values, 5)
    assert np.abs(found - expected).max() < LARGEST * np.abs(expected).max()
    timed = f"const live = document.getElementById('live'), times = [], p = {values}; "
    timed += "for (let i = 0; i < 8; i++) { const a = performance.now(); live.rollout(0, p, 2); "
    timed += "times.push((performance.now() - a) / 2); }"
    assert browser.evaluate(f"(() => {{ {timed} return Math.min(...times); }})()") < 50
    assert browser.problems == []


def test_dragging_the_viscosity_changes_the_field(browser, tmp_path):
    browser.open(write_page("burgers1d", tmp_path / "page.html"))
    curve = "document.querySelector('#live path.prediction')"
    label = "document.querySelector('#live output').textContent"
    browser.wait(f"{curve} !== null")
    before = browser.evaluate(f"[{label}, {curve}.getAttribute('d')]")
    browser.drag("#live input[type=range]", 0.5, 0.95)
    browser.wait(f"{curve}.getAttribute('d') !== {json.dumps(before[1])}")
    status = "document.querySelector('#live [role=status]').textContent"
    browser.wait(f"{status}.includes('the surrogate extrapolates')")
    assert before[0] == "0.0632 (inside 0.002 to 2)"
    assert "outside 0.002 to 2" in browser.evaluate(label)
    assert browser.problems == []


def test_other_surrogates_are_shown_without():
    problem = problem_of("burgers", 16)
    film = surrogate_of(problem)
    assert reason_against(film) == "its conditioning" and live_data(film, ()) is None
    cape = Surrogate(problem, ModelConfig(LINE, CAPEConfig(**HEADS)), rngs=nnx.Rngs(0))
    assert reason_against(cape) == ""
    assert live_data(cape, contents(cape).evaluation.examples) is not None
    odd = dataclasses.replace(problem, resolution=(24,))
    assert reason_against(Surrogate(odd, cape.config, rngs=nnx.Rngs(0))) == "its grid"
    other_grid = contents(Surrogate(problem_of("burgers", 32), cape.config, rngs=nnx.Rngs(0)))
    assert live_data(cape, other_grid.evaluation.examples) is None
