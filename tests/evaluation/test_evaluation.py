"""Evaluation of exact solutions: every error is known in advance."""

import csv
import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cape.datasets.arrays import in_memory
from cape.evaluation import files
from cape.evaluation.error_tables import evaluation_text
from cape.evaluation.evaluate import evaluate
from cape.evaluation.grouping import group_by_value
from cape.evaluation.metric import error_names
from cape.problem import Problem

DT, FRAMES, POINTS = 0.05, 6, 32
TRAINED = np.array([[0.2], [0.4], [2.0]])


def sines(betas, wave=1, channels=1):
    """u = sin(2πk(x - βt) + φ), one sample per entry of `betas`; a second channel is twice the first."""
    x, t = (np.arange(POINTS) + 0.5) / POINTS, DT * np.arange(FRAMES)
    beta, phase = np.asarray(betas)[:, None, None], 0.3 * np.arange(len(betas))[:, None, None]
    u = np.sin(2 * np.pi * wave * (x[None, None, :] - beta * t[None, :, None]) + phase)
    u = u[..., None] * np.arange(1, channels + 1)
    return in_memory(
        u.astype(np.float32),
        np.asarray(betas)[:, None],
        ("beta",),
        channel_names=("u", "v")[:channels],
        coordinates=(x,),
        times=t,
        boundaries=("periodic",),
        equation="advection",
    )


def exact(parameters):
    """The exact advection step: a shift by βΔt, as a phase in Fourier space."""
    k = jnp.arange(POINTS // 2 + 1, dtype=jnp.float32)
    angle = (2 * jnp.pi * DT * parameters[:, :1] * k[None, :])[..., None]
    phase = jax.lax.complex(jnp.cos(angle), -jnp.sin(angle))
    return lambda u: jnp.fft.irfft(jnp.fft.rfft(u, axis=1) * phase, n=POINTS, axis=1)


@pytest.fixture(scope="module")
def advection():
    """Seven values, three samples each (the last batch of two is padded), in mixed order."""
    betas = np.repeat([2.0, 0.1, 0.2, 0.4, 0.7, 1.0, 4.0], 3)
    data = sines(np.random.default_rng(0).permutation(betas))
    return evaluate(exact, data, TRAINED, batch=2)


def test_the_exact_solution_has_no_error_anywhere(advection):
    assert [row.parameters["beta"] for row in advection.rows] == [0.1, 0.2, 0.4, 0.7, 1.0, 2.0, 4.0]
    for row in advection.rows:
        assert row.samples == 3 and row.diverged == 0
        assert set(row.values) == set(error_names())
        for name in ("RMSE", "nRMSE", "nRMSE_median", "VRMSE", "max_error", "boundary_RMSE"):
            assert row.values[name] < 5e-6


def test_persistence_is_the_closed_form(advection):
    """|sin(θ - 2πkβt) - sin θ| has RMS √2 |sin(πkβt)|, so relative to RMS 1/√2 it is 2 |sin(πkβt)|."""
    for row in advection.rows:
        expected = 2 * np.abs(np.sin(np.pi * row.parameters["beta"] * advection.times))
        np.testing.assert_allclose(row.over_time["persistence_nRMSE"], expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(row.values["persistence_nRMSE"], expected.mean(), rtol=1e-4)


def test_values_are_marked_by_what_was_trained_on(advection):
    kinds = {row.parameters["beta"]: row.kind for row in advection.rows}
    assert kinds == {0.1: "extrapolated", 0.2: "seen", 0.4: "seen", 0.7: "interpolated"} | {
        1.0: "interpolated", 2.0: "seen", 4.0: "extrapolated"
    }  # fmt: skip
    summary = advection.summary
    assert {kind: summary[kind]["values"] for kind in summary} == {
        "seen": 3, "interpolated": 2, "extrapolated": 2, "unseen": 4
    }  # fmt: skip
    unseen = [row.values["nRMSE"] for row in advection.rows if row.kind != "seen"]
    np.testing.assert_allclose(summary["unseen"]["nRMSE"], np.mean(unseen))
    assert summary["unseen"]["worst_nRMSE"] == max(unseen)


def test_examples_hold_the_given_frame_and_the_rollout(advection):
    assert [example.kind for example in advection.examples] == [row.kind for row in advection.rows]
    example = advection.examples[0]
    assert example.truth.shape == example.prediction.shape == (FRAMES, POINTS, 1)
    np.testing.assert_array_equal(example.truth[0], example.prediction[0])
    np.testing.assert_allclose(example.truth, example.prediction, atol=1e-5)


def test_a_known_error_is_reported_per_channel_and_does_not_depend_on_the_batch():
    """The second channel decays by a tenth a step; the mean over channels hides nothing of it."""
    data = sines([0.2, 0.2, 0.2], channels=2)

    def decaying(parameters):
        step = exact(parameters)
        return lambda u: step(u) * jnp.asarray([1.0, 0.9])[None, None, :]

    for batch in (1, 2, 50):
        row = evaluate(decaying, data, TRAINED, batch=batch, steps=3, examples=False).rows[0]
        expected = 1 - 0.9 ** np.arange(1, 4)
        np.testing.assert_allclose(row.channels["v"]["nRMSE"], expected.mean(), rtol=1e-4)
        assert row.channels["u"]["nRMSE"] < 5e-6
        np.testing.assert_allclose(row.over_time["nRMSE"], expected / 2, rtol=1e-4)


def test_channels_have_a_table_of_their_own():
    """The second channel is 10 % too small everywhere: nRMSE 0.1 there, 0 in the first."""

    def step_at(parameters):
        step = exact(parameters)
        return lambda u: step(u / scale) * scale * jnp.asarray([1.0, 0.9])[None, None, :]

    scale = jnp.asarray([1.0, 2.0])[None, None, :]
    evaluation = evaluate(step_at, sines([0.2, 0.2], channels=2), TRAINED, steps=1)
    first, second = evaluation_text(evaluation).split("\n\n")
    assert "nRMSE" in first.splitlines()[0] and "0.0500" in first.splitlines()[2]
    title, head, _, row, *_ = second.splitlines()
    assert title == "nRMSE | VRMSE of each channel" and head.split() == ["beta", "kind", "u", "v"]
    assert row.split()[:2] == ["0.2", "seen"] and row.split()[-3:] == ["0.1000", "|", "0.1000"]


def test_a_value_is_compiled_once_only():
    traces = []

    def counted(parameters):
        traces.append(parameters.shape)
        return exact(parameters)

    evaluate(counted, sines([0.1] * 3 + [0.2] * 5 + [0.4]), TRAINED, batch=4, steps=2)
    assert traces == [(4, 1)]


def test_diverging_rollouts_are_counted_and_are_infinitely_wrong(tmp_path):
    def explosive(parameters):
        """Doubles the exponent every step where β > 1; NaN from the third step on."""
        step = exact(parameters)
        grow = jnp.where(parameters > 1, 1e15, 1.0)[:, :, None]
        return lambda u: step(u) * grow * jnp.where(jnp.abs(u) > 1e25, jnp.nan, 1.0)

    evaluation = evaluate(explosive, sines([0.2, 0.2, 2.0, 2.0]), TRAINED)
    calm, wild = evaluation.rows
    assert calm.diverged == 0 and calm.values["nRMSE"] < 5e-6
    assert wild.diverged == 2
    assert all(
        np.isinf(wild.values[name]) for name in ("RMSE", "nRMSE", "nRMSE_median", "VRMSE", "max_error")
    )
    assert np.isfinite(wild.over_time["nRMSE"][0]) and np.isinf(wild.over_time["nRMSE"][-1])
    assert evaluation.summary["seen"]["diverged"] == 2
    assert "diverged" in evaluation_text(evaluation) and "inf" in evaluation_text(evaluation)

    path, _ = files.write(evaluation, tmp_path)
    rows = json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))[
        "rows"
    ]
    assert rows[1]["nRMSE"] is None and rows[1]["diverged"] == 2
    assert np.isinf(files.read(tmp_path).rows[1].values["nRMSE"])


def test_files_round_trip(advection, tmp_path):
    folder = tmp_path / "new" / "folder"
    path, table = files.write(advection, folder)
    content = json.loads(path.read_text())
    assert content["metrics_version"] == 2
    for row in content["rows"]:
        assert {"parameters", "kind", "samples", "RMSE", "nRMSE", "nRMSE_median", "VRMSE"} <= set(row)
        assert {"persistence_nRMSE", "Fourier_low", "conserved_RMSE", "diverged"} <= set(row)
    again = files.read(folder)
    np.testing.assert_array_equal(again.training_values, advection.training_values)
    for ours, theirs in zip(again.rows, advection.rows, strict=True):
        assert (ours.parameters, ours.kind, ours.values) == (theirs.parameters, theirs.kind, theirs.values)
        np.testing.assert_array_equal(ours.over_time["nRMSE"], theirs.over_time["nRMSE"])
    with table.open() as lines:
        records = list(csv.DictReader(lines))
    assert [float(r["nRMSE"]) for r in records] == [row.values["nRMSE"] for row in advection.rows]
    assert sorted(p.name for p in folder.iterdir()) == ["evaluation.csv", "evaluation.json"]


def test_data_without_parameters_are_evaluated(advection):
    """As files that have none: all of them count as seen, and tables have no column for a value."""
    data = dataclasses.replace(sines([2.0] * 3), parameters=np.zeros((3, 0)), parameter_names=())
    trained = Problem.of(data).training_values
    assert trained.shape == (1, 0)
    evaluation = evaluate(lambda p: exact(jnp.full((len(p), 1), 2.0)), data, trained)
    assert [row.kind for row in evaluation.rows] == ["seen"]
    lines = evaluation_text(evaluation).splitlines()
    assert lines[0].split()[:2] == ["kind", "samples"] and lines[2].split() == lines[-1].split()


def test_table_is_aligned_and_marks_kinds(advection):
    lines = evaluation_text(advection).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[0].split()[:3] == ["beta", "kind", "samples"]
    assert lines[2].split()[:3] == ["0.1", "extrapolated", "3"]
    assert lines[-1].split()[:3] == ["mean", "unseen", "12"]


def test_continuous_parameters_are_binned_without_mixing_kinds():
    values = np.geomspace(0.1, 10.0, 100)[:, None]
    groups = list(group_by_value(values, np.array([[0.5], [3.0]])))
    assert 10 <= len(groups) <= 12
    assert sorted(np.concatenate([samples for _, _, samples in groups])) == list(range(100))
    assert [float(value[0]) for value, _, _ in groups] == sorted(float(value[0]) for value, _, _ in groups)
    for _, kind, samples in groups:
        inside = (values[samples] >= 0.5) & (values[samples] <= 3.0)
        assert inside.all() if kind == "interpolated" else not inside.any()


def test_bad_requests_are_refused():
    data = sines([0.2, 0.4])
    with pytest.raises(ValueError, match="6 steps.*allow 1 to 5"):
        evaluate(exact, data, TRAINED, steps=6)
    with pytest.raises(ValueError, match=r"training values \[value, 1\].*beta.*\[3, 2\]"):
        evaluate(exact, data, np.ones((3, 2)))
    with pytest.raises(ValueError, match="no samples"):
        evaluate(exact, data.select([]), TRAINED)
    with pytest.raises(ValueError, match="batch"):
        evaluate(exact, data, TRAINED, batch=0)


def test_reading_what_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        files.read(tmp_path)
    (tmp_path / "evaluation.json").write_text('{"metrics_version": 0}')
    with pytest.raises(ValueError, match="metrics_version 0, expected 2"):
        files.read(tmp_path)


def test_works_in_two_dimensions_with_several_parameters():
    u = np.random.default_rng(0).normal(size=(4, 3, 8, 8, 1)).astype(np.float32)
    parameters = [[1e-8, 0.1], [1e-3, 0.1], [1e-8, 1.0], [1e-3, 1.0]]
    x = np.arange(8) / 8
    data = in_memory(
        u, parameters, ("eta", "M"), channel_names=("u",), coordinates=(x, x), times=[0.0, 0.1, 0.2],
        boundaries=("periodic", "periodic"),
    )  # fmt: skip
    evaluation = evaluate(lambda p: lambda v: v, data, np.array(parameters[:3]))
    assert [row.kind for row in evaluation.rows] == ["seen", "seen", "seen", "interpolated"]
    for row in evaluation.rows:
        assert row.values["nRMSE"] == pytest.approx(row.values["persistence_nRMSE"])
    assert np.isnan(evaluation.rows[0].values["Fourier_high"])
    assert evaluation.examples[0].truth.shape == (3, 8, 8, 1)
