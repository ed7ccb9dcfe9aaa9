"""The page of a report: complete, alone, safe against the texts of strangers, and small."""

import base64
import dataclasses
import hashlib
import json
import re

import numpy as np
import pytest
from small_surrogates import problem_of, surrogate_of

from cape.evaluation.evaluation import Evaluation, Example, Row
from cape.html_report.chart_data import spectrum_data
from cape.html_report.field_data import coded, field_data
from cape.html_report.page import SCRIPTS, STATIC, page, write_page
from cape.html_report.run_contents import RunContents
from cape.report import Report

HOSTILE = "</script><img src=x onerror=alert(1)>'\"&"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("page"))
        return write_page("burgers1d").read_text(encoding="utf-8")


def examples(count: int, frames: int, *space: int, channels: int = 1) -> tuple[Example, ...]:
    u = np.random.default_rng(0).normal(size=(frames, *space, channels)).astype(np.float32)
    times, axes = np.arange(frames) / 10, tuple((np.arange(n) + 0.5) / n for n in space)
    names = tuple(f"c{i}" for i in range(channels))
    kinds = ["seen", "interpolated", "extrapolated"]
    return tuple(Example({"p": float(i)}, kinds[i % 3], u, 1.1 * u, times, axes, names) for i in range(count))


def evaluation(found: tuple[Example, ...]) -> Evaluation:
    rows = tuple(Row(e.parameters, e.kind, 1, 0, {"nRMSE": 0.1}, {}, {}) for e in found)
    return Evaluation(rows, found[0].times[1:], np.array([[0.0], [1.0]]), found)


def decoded(part: dict, bits: int, shape: tuple[int, ...]) -> np.ndarray:
    """Decode fields as the page does."""
    values = np.frombuffer(base64.b64decode(part["values"]), f"<i{bits // 8}").reshape(
        len(part["scale"]), *shape
    )
    scale, offset = (np.reshape(part[key], (-1,) + (1,) * len(shape)) for key in ("scale", "offset"))
    return np.where(values == -(2 ** (bits - 1)), np.nan, offset + scale * values)


def test_the_page_of_a_shipped_surrogate_holds_everything(shipped):
    for text in ("the viscous Burgers equation", "trained on 0.002 to 2", "All settings", "Tables of errors"):
        assert text in shipped
    numbers = json.loads(re.search(r'id="numbers">(.*?)</script>', shipped, re.DOTALL)[1])
    assert len(numbers["errors"]["rows"]) == 12
    assert len(numbers["fields"]["examples"]) == len(numbers["spectra"]["examples"]) == 12
    assert len(shipped) < 3e6
    example = numbers["fields"]["examples"][0]  # the surrogate is calibrated
    assert len(example["half_width"][0]) == len(numbers["fields"]["times"]) and example["level"] == 0.9
    assert example["half_width"][0][0] == 0 < min(example["half_width"][0][1:])


def test_the_page_needs_no_network_and_allows_one_script_only(shipped):
    script = re.search(r"<script>(.*?)</script>", shipped, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in shipped
    assert "default-src 'none'" in shipped
    assert set(re.findall(r"https?://[^\s\"'<>]+", shipped)) <= {
        "http://www.w3.org/2000/svg"
    }  # a name of XML
    assert not re.findall(r"\b(?:src|href)=", shipped)


def test_texts_of_a_run_are_never_html():
    problem = problem_of("burgers", parameters=(HOSTILE.replace("/", "|"),), equation=HOSTILE)
    found = examples(2, 3, 16)
    named = tuple(
        dataclasses.replace(
            e, parameters={problem.parameters[0]: e.parameters["p"]}, channel_names=(HOSTILE,)
        )
        for e in found
    )
    contents = RunContents(
        HOSTILE, surrogate_of(problem), None, Report(evaluation(named)), HOSTILE, (HOSTILE,)
    )
    text = page(contents)
    assert "<img" not in text
    assert text.count("</script>") == 2


def test_fields_are_coded_to_half_a_level_and_marked_where_they_are_not_finite():
    u = np.random.default_rng(1).normal(size=(4, 8, 2))
    u[1, 2, 0] = np.inf
    for bits in (8, 16):
        part = coded(u, bits)
        found = np.moveaxis(decoded(part, bits, (4, 8)), 0, -1)
        assert np.isnan(found[1, 2, 0]) and np.isnan(found).sum() == 1
        assert np.nanmax(np.abs(found - np.where(np.isfinite(u), u, np.nan))) <= 0.51 * max(part["scale"])


@pytest.mark.parametrize("space", [(2048,), (256, 256), (24, 24, 24)])
def test_large_fields_are_thinned_and_the_page_says_so(space):
    found = examples(9, 6, *space, channels=2)
    data = field_data(evaluation(found))
    assert len(json.dumps(data)) < 4e6
    assert {e["kind"] for e in data["examples"]} == {"seen", "interpolated", "extrapolated"}
    assert data["left_out"].startswith("Shown: ")
    size = len(data["channels"]) * len(data["times"]) * int(np.prod(data["shape"]))
    assert len(base64.b64decode(data["examples"][0]["truth"]["values"])) == size * data["bits"] // 8


def test_one_wave_has_one_line_in_the_spectrum():
    (example,) = examples(1, 2, 32)
    wave = np.sin(2 * np.pi * 3 * example.coordinates[0])[None, :, None] * np.ones((2, 1, 1))
    data = spectrum_data(
        [dataclasses.replace(example, truth=wave, prediction=0 * wave)], example.times.tolist()
    )
    power = np.frombuffer(base64.b64decode(data["examples"][0]["truth"]), "<i2").reshape(1, 2, data["waves"])
    assert power[0, 0, 2] == -301  # a²/2 in thousandths of a decade
    assert (np.frombuffer(base64.b64decode(data["examples"][0]["prediction"]), "<i2") == -(2**15)).all()


def test_every_static_file_is_used_and_short():
    names = {file.name for file in STATIC.iterdir()}
    assert names >= {*SCRIPTS, "page.html", "page.css"}
    for file in STATIC.iterdir():
        if file.name.endswith((".js", ".css", ".html", ".c")):
            assert file.read_text(encoding="utf-8").count("\n") <= 250, file.name


def test_the_page_opens_from_disk_and_its_sliders_work(browser, shipped, tmp_path):
    file = tmp_path / "page.html"
    file.write_text(shipped, encoding="utf-8")
    browser.open(file)
    assert browser.evaluate("document.querySelectorAll('#errors svg.chart').length") == 2
    value, image = (
        "#fields .control.wide output",
        "document.querySelector('#fields canvas.field').toDataURL()",
    )
    before = browser.evaluate(f"[document.querySelector('{value}').textContent, {image}]")
    browser.drag("#fields input[type=range]", 0.3, 0.9)
    after = browser.evaluate(f"[document.querySelector('{value}').textContent, {image}]")
    assert before[0] == "Nu = 0.01 (interpolated)" and before[0] != after[0] and before[1] != after[1]
    assert browser.problems == []
    assert all(url.startswith(("file://", "about:", "data:")) for url in browser.requests)
