"""Metrics against closed forms, and against arrays of the published benchmark."""

import jax.numpy as jnp
import numpy as np
import pytest

from cape.evaluation import metrics

SINGLE = [metrics.rmse, metrics.nrmse, metrics.vrmse, metrics.conserved_rmse, metrics.max_error]
SINGLE += [metrics.boundary_rmse, metrics.fourier_rmse]


def sine(k: int, n: int = 64, amplitude: float = 1.0) -> jnp.ndarray:
    """sin(2πkx) at the cell centres of [0, 1], as [batch 2, time 3, n, channel 1]."""
    x = (np.arange(n) + 0.5) / n
    u = amplitude * np.sin(2 * np.pi * k * x)
    return jnp.asarray(np.broadcast_to(u[:, None], (2, 3, n, 1)), jnp.float32)


def test_relative_errors_of_a_scaled_sine_are_its_scale():
    target = sine(3)
    for metric in (metrics.nrmse, metrics.vrmse):
        np.testing.assert_allclose(metric(1.25 * target, target), np.full((3, 1), 0.25), rtol=2e-6)
    np.testing.assert_allclose(metrics.rmse(1.25 * target, target), np.full((3, 1), 0.25 / 2**0.5), rtol=2e-6)
    np.testing.assert_allclose(metrics.conserved_rmse(1.25 * target, target), np.zeros((3, 1)), atol=1e-7)


def test_vrmse_ignores_the_mean_that_nrmse_divides_by():
    target = 10.0 + sine(2)
    prediction = target + 0.1
    np.testing.assert_allclose(metrics.vrmse(prediction, target), np.full((3, 1), 0.1 * 2**0.5), rtol=1e-4)
    np.testing.assert_allclose(
        metrics.nrmse(prediction, target), np.full((3, 1), 0.1 / 100.5**0.5), rtol=1e-4
    )


def test_a_constant_offset_is_the_conserved_boundary_and_largest_error():
    target = jnp.ones((2, 3, 8, 8, 1))
    offset = jnp.asarray([0.3, -0.4])[:, None, None, None, None]
    result = metrics.evaluate_metrics(target + jnp.broadcast_to(offset, target.shape), target)
    np.testing.assert_allclose(result.conserved_rmse, np.full((3, 1), (0.125) ** 0.5), rtol=1e-5)
    np.testing.assert_allclose(result.rmse, np.full((3, 1), 0.35), rtol=1e-5)
    np.testing.assert_allclose(result.boundary_rmse, np.full((3, 1), 0.35), rtol=1e-5)
    np.testing.assert_allclose(result.max_error, np.full((3, 1), 0.4), rtol=1e-5)


@pytest.mark.parametrize(("k", "band"), [(1, 0), (3, 0), (4, 1), (11, 1), (12, 2), (32, 2)])
def test_a_single_wave_number_lands_in_one_band(k, band):
    n, shells = 64, (4, 8, 21)
    target = sine(2, n)
    error = metrics.fourier_rmse(target + sine(k, n, amplitude=0.1), target)
    amplitude = 0.1 if k == n // 2 else 0.05  # half of it sits at -k, except at Nyquist
    expected = np.zeros((3, 3, 1))
    expected[:, band] = amplitude / shells[band]
    np.testing.assert_allclose(error, expected, rtol=1e-4, atol=1e-7)


def test_boundary_weighs_every_point_of_every_face_alike():
    """A 2D error on the first column only: n0 + 2 of the 2 (n0 + n1) face points see it."""
    n0, n1 = 6, 10
    target = jnp.ones((1, 1, n0, n1, 1))
    error = metrics.boundary_rmse(target.at[:, :, :, 0].add(1.0), target)
    np.testing.assert_allclose(error, [[((n0 + 2) / (2 * (n0 + n1))) ** 0.5]], rtol=1e-6)


@pytest.mark.parametrize("space", [(16,), (12, 16), (6, 8, 10)])
def test_one_pass_equals_the_single_functions(space):
    rng = np.random.default_rng(0)
    prediction, target = jnp.asarray(rng.normal(size=(2, 3, 2, *space, 2)), jnp.float32)
    result = metrics.evaluate_metrics(prediction, target)
    for metric in SINGLE:
        np.testing.assert_array_equal(getattr(result, metric.__name__), metric(prediction, target))


def test_a_target_of_zero_is_not_hidden():
    zero = jnp.zeros((1, 1, 8, 1))
    assert np.isinf(metrics.nrmse(zero + 1.0, zero)).all()
    assert np.isnan(metrics.nrmse(zero, zero)).all()


@pytest.mark.parametrize("metric", [*SINGLE, metrics.evaluate_metrics, metrics.sample_nrmse])
def test_shapes_must_be_equal(metric):
    with pytest.raises(ValueError, match=r"\(2, 3, 8, 1\).*\(1, 3, 8, 1\).*broadcast"):
        metric(jnp.ones((2, 3, 8, 1)), jnp.ones((1, 3, 8, 1)))
    with pytest.raises(ValueError, match="channel axis"):
        metric(jnp.ones((2, 3, 8)), jnp.ones((2, 3, 8)))


@pytest.mark.parametrize("case", ["metric_1d", "metric_2d", "metric_2d_rect", "metric_3d"])
def test_equals_the_published_benchmark(reference, case):
    arrays = np.load(reference / f"{case}.npz")
    prediction, target = (jnp.asarray(np.moveaxis(arrays[name], -2, 1)) for name in ("pred", "target"))
    result = metrics.evaluate_metrics(prediction, target)
    names = {"RMSE": "rmse", "nRMSE": "nrmse", "CSV": "conserved_rmse", "Max": "max_error"}
    names |= {"BD": "boundary_rmse", "F": "fourier_rmse"}
    for name, ours in names.items():
        found, full = np.asarray(getattr(result, ours)), np.moveaxis(arrays[f"full_{name}"], 0, -1)
        full = full.swapaxes(0, 1) if name == "F" else full  # [channel, band, time] there
        # The published conserved error subtracts two float32 totals: round-off of fields of order 1.
        round_off = np.finfo(np.float32).eps if name == "CSV" else 0.0
        np.testing.assert_allclose(found, full, rtol=1e-5, atol=round_off)
        np.testing.assert_allclose(found.mean(axis=(0, -1)), arrays[f"mean_{name}"], rtol=1e-5)
