"""What an evaluation of a flow measures: averages over samples, files, tables, horizons, figures."""

import numpy as np
import pytest

from cape.datasets.arrays import from_arrays
from cape.evaluation import files
from cape.evaluation.error_tables import evaluation_text
from cape.evaluation.evaluate import evaluate
from cape.evaluation.flow_quantities import ENSTROPHY, KINETIC_ENERGY
from cape.evaluation.horizon import correlation_horizon, longest_horizon

POINTS, FRAMES, DT = 16, 5, 0.25
NU = np.array([0.1, 0.1, 0.1, 0.2])


def decaying(decay=1.0):
    """Return vorticity [sample, time, x, y, 1] of vortices of several sizes that decay as e^(-decay nu t)."""
    x, y = np.meshgrid(*[(np.arange(POINTS) + 0.5) / POINTS] * 2, indexing="ij")
    w = np.sin(2 * np.pi * x) * np.sin(2 * np.pi * y) + 0.3 * np.cos(6 * np.pi * x)
    t = DT * np.arange(FRAMES)
    size = (1 + np.arange(len(NU)))[:, None] * np.exp(-decay * NU[:, None] * t)
    return (size[..., None, None] * w)[..., None].astype(np.float32)


@pytest.fixture(scope="module")
def data():
    return from_arrays(
        decaying(), {"nu": NU}, dx=1 / POINTS, dt=DT, channels=("vorticity",), equation="decaying-vortices"
    )


def step_at(p):
    decay = np.float32(DT)
    return lambda u: u * (1 - decay * p[:, 0]).reshape(-1, 1, 1, 1)  # the Euler scheme


@pytest.fixture(scope="module")
def evaluation(data):
    return evaluate(step_at, data, np.array([[0.1]]), batch=2)


def test_flows_are_averages_over_samples_in_any_batches(evaluation, data):
    first, second = evaluation.flows
    t = DT * np.arange(1, FRAMES)
    sizes = np.mean([1, 4, 9])
    enstrophy = 0.5 * (0.25 + 0.3**2 / 2)
    np.testing.assert_allclose(first.histories[ENSTROPHY][0], enstrophy * sizes * np.exp(-0.2 * t), rtol=1e-5)
    euler = (1 - DT * 0.2) ** (2 * np.arange(1, FRAMES))
    np.testing.assert_allclose(second.histories[ENSTROPHY][1], 16 * enstrophy * euler, rtol=1e-5)
    k = 2 * np.pi
    energy = 0.5 * (0.25 / (2 * k**2) + 0.3**2 / 2 / (3 * k) ** 2)
    np.testing.assert_allclose(
        first.histories[KINETIC_ENERGY][0][0] / sizes, energy * np.exp(-0.05), rtol=1e-5
    )
    at_once = evaluate(step_at, data, np.array([[0.1]]))
    for one, other in zip(evaluation.flows, at_once.flows, strict=True):
        for name in one.spectra:
            np.testing.assert_allclose(one.spectra[name], other.spectra[name], rtol=1e-6)


def test_flows_are_written_and_read_and_printed(evaluation, tmp_path):
    files.write(evaluation, tmp_path)
    again = files.read(tmp_path)
    for one, other in zip(evaluation.flows, again.flows, strict=True):
        assert list(one.histories) == list(other.histories)
        np.testing.assert_array_equal(one.spectra[ENSTROPHY], other.spectra[ENSTROPHY])
    text = evaluation_text(again)
    assert "correlated for" in text and text == evaluation_text(evaluation)


def test_a_horizon_is_a_time(evaluation, data):
    assert longest_horizon(evaluation.times) == pytest.approx(1.0)
    assert correlation_horizon(evaluation.rows[0], evaluation.times) == pytest.approx(1.0)
    lost = evaluate(lambda p: lambda u: -u, data, np.array([[0.1]]), examples=False)
    assert correlation_horizon(lost.rows[0], lost.times) == 0.0


def test_a_diverged_sample_is_not_finite_in_the_flow(data):
    found = evaluate(lambda p: lambda u: u * 1e30, data, np.array([[0.1]]), examples=False)
    assert not np.isfinite(found.flows[0].histories[ENSTROPHY][1][-1])
    assert np.isfinite(found.flows[0].histories[ENSTROPHY][0]).all()


def test_fields_that_are_no_flow_have_none():
    u = np.random.default_rng(0).normal(size=(2, 3, 8, 1)).astype(np.float32)
    data = from_arrays(u, {"nu": np.array([0.1, 0.2])}, dx=1 / 8, dt=0.1, equation="x")
    assert evaluate(lambda p: lambda u: u, data, np.array([[0.1]])).flows == ()


def test_the_figures_of_a_flow(evaluation, tmp_path):
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    from cape.figures.evaluation_figures import evaluation_figures
    from cape.figures.style import save

    figures = dict(evaluation_figures(evaluation))
    for name in ("correlation_horizon", "flow_histories", "flow_spectra"):
        assert imread(save(figures[name], tmp_path / f"{name}.png"))[..., :3].std() > 0.02


def test_figures_say_what_an_evaluation_lacks(evaluation):
    pytest.importorskip("matplotlib")
    import dataclasses

    from cape.figures.flow_panels import flow_histories

    with pytest.raises(ValueError, match="no flows: expected an evaluation of fields with a velocity"):
        flow_histories(dataclasses.replace(evaluation, flows=()))
