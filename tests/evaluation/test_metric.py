"""The contract of metrics: what is registered appears everywhere, and mistakes are named."""

import csv
import json

import jax.numpy as jnp
import numpy as np
import pytest

from cape.datasets.arrays import in_memory
from cape.evaluation import files, metric, metrics
from cape.evaluation.error_tables import evaluation_text
from cape.evaluation.evaluate import evaluate
from cape.evaluation.metric import METRICS, Metric, error_names

TRAINED = np.array([[0.5]])


def still(channels=("u",), samples=4):
    """Noise that does not change in time, at two parameter values."""
    u = np.random.default_rng(0).normal(size=(samples, 1, 16, len(channels))).astype(np.float32)
    return in_memory(
        np.repeat(u, 3, axis=1), np.repeat([[0.5], [1.0]], samples // 2, axis=0), ("p",), channel_names=channels,
        coordinates=(np.arange(16) / 16,), times=(0.0, 0.1, 0.2), boundaries=("periodic",),
    )  # fmt: skip


def decaying(factor):
    """A step that is wrong by a factor: |e| = (1 - factorⁿ) |u| after n steps."""
    return lambda parameters: lambda u: factor * u


def mean_absolute(prediction, target):
    return jnp.mean(jnp.abs(prediction - target), axis=tuple(range(2, target.ndim - 1)))


def summed_over_everything(prediction, target):
    return jnp.sum(prediction - target)


@pytest.fixture
def registered():
    """Register a metric and forget it afterwards."""
    names = []

    def add(one):
        names.append(one.name)
        return METRICS.add(one)

    yield add
    for name in names:
        del METRICS.parts[name]


def test_the_files_have_the_keys_they_always_had(tmp_path):
    """Programs of users read evaluation.json and evaluation.csv: names and order are part of the interface."""
    frames = ["RMSE", "nRMSE", "VRMSE", "conserved_RMSE", "max_error", "boundary_RMSE"]
    frames += [
        "Fourier_low",
        "Fourier_mid",
        "Fourier_high",
        "correlation",
        "correlated_fraction",
        "energy_error",
        "spectrum_error",
    ]
    frames += ["persistence_RMSE", "persistence_nRMSE"]
    values = [*frames[:2], "nRMSE_median", *frames[2:]]
    assert list(error_names()) == values
    path, table = files.write(evaluate(decaying(0.9), still(("u", "v")), TRAINED), tmp_path)
    content = json.loads(path.read_text())
    assert list(content) == [
        "metrics_version",
        "parameter_names",
        "training_values",
        "times",
        "summary",
        "rows",
    ]
    row = content["rows"][0]
    assert list(row) == ["parameters", "kind", "samples", "diverged", *values, "channels", "over_time"]
    assert list(row["over_time"]) == frames and list(row["channels"]["u"]) == [*frames, "nRMSE_median"]
    summary = content["summary"]["seen"]
    expected = ["values", "samples", "diverged", *values, "channels", "worst_nRMSE", "worst_parameters"]
    assert list(summary) == expected and list(summary["channels"]["v"]) == values
    head = next(csv.reader(table.read_text().splitlines()))
    channels = [f"{name}[{channel}]" for channel in "uv" for name in [*frames, "nRMSE_median"]]
    assert head == ["p", "kind", "samples", "diverged", *values, *channels]


def test_a_registered_metric_appears_in_the_evaluation_the_files_and_the_table(registered, tmp_path):
    registered(Metric("MAE", mean_absolute, "⟨|e|⟩", unit="field", persistence=True))
    data = still(("u", "v"))
    evaluation = evaluate(decaying(0.5), data, TRAINED)
    size = np.abs(data.read()[:2, 0]).mean(axis=(0, 1))
    row = evaluation.rows[0]
    np.testing.assert_allclose(row.over_time["MAE"], size.mean() * np.array([0.5, 0.75]), rtol=1e-5)
    np.testing.assert_allclose(row.values["MAE"], size.mean() * 0.625, rtol=1e-5)
    np.testing.assert_allclose(row.channels["v"]["MAE"], size[1] * 0.625, rtol=1e-5)
    assert row.values["persistence_MAE"] == 0.0
    path, table = files.write(evaluation, tmp_path)
    content = json.loads(path.read_text())
    assert content["rows"][0]["MAE"] == row.values["MAE"] and "MAE" in content["summary"]["seen"]
    assert float(next(csv.DictReader(table.read_text().splitlines()))["MAE[v]"]) == row.channels["v"]["MAE"]
    assert evaluation_text(evaluation).split("\n")[0].split()[-2:] == ["MAE", "persistence"]
    assert files.read(tmp_path).rows[0].values["MAE"] == row.values["MAE"]


def test_a_file_is_read_without_the_metrics_that_wrote_it(registered, tmp_path):
    evaluation = evaluate(decaying(0.5), still(), TRAINED)
    files.write(evaluation, tmp_path)
    registered(Metric("MAE", mean_absolute, "⟨|e|⟩"))
    again = files.read(tmp_path)
    assert "MAE" not in again.error_names and "MAE" not in evaluation_text(again)


def test_headings_and_channels_are_chosen_by_the_metric(registered):
    registered(Metric("MAE", mean_absolute, "⟨|e|⟩", heading="absolute", by_channel=True))
    registered(Metric("MAE2", mean_absolute, "⟨|e|⟩", in_table=False))
    text = evaluation_text(evaluate(decaying(0.5), still(("u", "v")), TRAINED))
    assert "absolute" in text and "MAE2" not in text and "nRMSE | VRMSE | MAE of each channel" in text


def test_a_metric_without_a_curve_is_reduced_from_the_means_of_samples(registered):
    """The largest of the samples' errors over time and channels, not the mean of the largest error at each time."""
    registered(Metric("worst", mean_absolute, "largest", reduction=metric.largest, over_time=False))
    data = still(("u", "v"))
    row = evaluate(decaying(0.5), data, TRAINED).rows[0]
    size = np.abs(data.read()[:2, 0]).mean(axis=1) * 0.625  # [sample, channel]
    np.testing.assert_allclose(row.values["worst"], size.mean(axis=1).max(), rtol=1e-5)
    np.testing.assert_allclose(row.channels["u"]["worst"], size[:, 0].max(), rtol=1e-5)
    assert "worst" not in row.over_time


def test_a_function_of_a_wrong_shape_is_named(registered):
    registered(Metric("total", summed_over_everything, "Σ e"))
    message = r"metric 'total': its function returned shape \(\) .* expected \[batch, time, channel, ...\].*\(2, 2, 1\)"
    with pytest.raises(ValueError, match=message):
        evaluate(decaying(0.5), still(), TRAINED)


def test_a_reduction_of_a_wrong_shape_is_named():
    broken = Metric("broken", mean_absolute, "⟨|e|⟩", reduction=lambda errors: errors)
    with pytest.raises(ValueError, match=r"metric 'broken': its reduction returned shape \(2, 3, 1\)"):
        broken(jnp.ones((2, 3, 8, 1)), jnp.ones((2, 3, 8, 1)))


def test_names_are_not_taken_twice_and_not_those_of_other_keys():
    with pytest.raises(
        ValueError, match="metric 'nRMSE': the name is taken by cape.evaluation.metrics.nRMSE"
    ):
        METRICS.add(Metric("nRMSE", mean_absolute, "another"))
    assert METRICS.find("nRMSE").function is metrics.nrmse
    for name in ("", "kind", "over_time", "persistence_x"):
        with pytest.raises(ValueError, match="expected a name that is not empty"):
            Metric(name, mean_absolute, "⟨|e|⟩")
    with pytest.raises(ValueError, match="unknown metric 'nRMSe'; did you mean 'nRMSE'"):
        METRICS.find("nRMSe")


def test_infinite_and_undefined_errors_are_reduced_without_warnings():
    errors = np.array([np.inf, np.nan, 1.0]).reshape(3, 1, 1)
    for reduction in (metric.mean, metric.median, metric.largest, metric.root_mean_square):
        assert np.isnan(Metric("m", mean_absolute, "", reduction=reduction).reduce(errors)).all()
        found = Metric("m", mean_absolute, "", reduction=reduction).reduce(errors[::2])
        assert np.isinf(found).all()
