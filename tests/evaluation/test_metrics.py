"""Metrics against closed forms, and against arrays of the published benchmark."""

import jax.numpy as jnp
import numpy as np
import pytest

from cape.evaluation import metrics
from cape.evaluation.metric import METRICS

OURS = ("RMSE", "nRMSE", "nRMSE_median", "VRMSE", "conserved_RMSE", "max_error", "boundary_RMSE")
OURS += ("Fourier_low", "Fourier_mid", "Fourier_high")
RMSE, NRMSE, VRMSE, CONSERVED, BOUNDARY = (
    METRICS.find(name) for name in ("RMSE", "nRMSE", "VRMSE", "conserved_RMSE", "boundary_RMSE")
)


def fourier(prediction, target):
    """The Fourier error in the bands low, mid and high: [time, band, channel]."""
    bands = ("low", "mid", "high")
    return np.stack([METRICS.find(f"Fourier_{band}")(prediction, target) for band in bands], axis=1)


def sine(k: int, n: int = 64, amplitude: float = 1.0) -> jnp.ndarray:
    """sin(2πkx) at the cell centres of [0, 1], as [batch 2, time 3, n, channel 1]."""
    x = (np.arange(n) + 0.5) / n
    u = amplitude * np.sin(2 * np.pi * k * x)
    return jnp.asarray(np.broadcast_to(u[:, None], (2, 3, n, 1)), jnp.float32)


def test_relative_errors_of_a_scaled_sine_are_its_scale():
    target = sine(3)
    for metric in (NRMSE, VRMSE):
        np.testing.assert_allclose(metric(1.25 * target, target), np.full((3, 1), 0.25), rtol=2e-6)
    np.testing.assert_allclose(RMSE(1.25 * target, target), np.full((3, 1), 0.25 / 2**0.5), rtol=2e-6)
    np.testing.assert_allclose(CONSERVED(1.25 * target, target), np.zeros((3, 1)), atol=1e-7)


def test_vrmse_ignores_the_mean_that_nrmse_divides_by():
    target = 10.0 + sine(2)
    prediction = target + 0.1
    np.testing.assert_allclose(VRMSE(prediction, target), np.full((3, 1), 0.1 * 2**0.5), rtol=1e-4)
    np.testing.assert_allclose(NRMSE(prediction, target), np.full((3, 1), 0.1 / 100.5**0.5), rtol=1e-4)


def test_a_constant_offset_is_the_conserved_boundary_and_largest_error():
    target = jnp.ones((2, 3, 8, 8, 1))
    offset = jnp.asarray([0.3, -0.4])[:, None, None, None, None]
    prediction = target + jnp.broadcast_to(offset, target.shape)
    for name, expected in {
        "conserved_RMSE": 0.125**0.5,
        "RMSE": 0.35,
        "boundary_RMSE": 0.35,
        "max_error": 0.4,
    }.items():
        found = METRICS.find(name)(prediction, target)
        np.testing.assert_allclose(found, np.full((3, 1), expected), rtol=1e-5)


@pytest.mark.parametrize(("k", "band"), [(1, 0), (3, 0), (4, 1), (11, 1), (12, 2), (32, 2)])
def test_a_single_wave_number_lands_in_one_band(k, band):
    n, shells = 64, (4, 8, 21)
    target = sine(2, n)
    error = fourier(target + sine(k, n, amplitude=0.1), target)
    amplitude = 0.1 if k == n // 2 else 0.05  # half of it sits at -k, except at Nyquist
    expected = np.zeros((3, 3, 1))
    expected[:, band] = amplitude / shells[band]
    np.testing.assert_allclose(error, expected, rtol=1e-4, atol=1e-7)


def test_boundary_weighs_every_point_of_every_face_alike():
    """A 2D error on the first column only: n0 + 2 of the 2 (n0 + n1) face points see it."""
    n0, n1 = 6, 10
    target = jnp.ones((1, 1, n0, n1, 1))
    error = BOUNDARY(target.at[:, :, :, 0].add(1.0), target)
    np.testing.assert_allclose(error, [[((n0 + 2) / (2 * (n0 + n1))) ** 0.5]], rtol=1e-6)


@pytest.mark.parametrize(
    "space", [(12, 16), *(pytest.param(s, marks=pytest.mark.thorough) for s in [(16,), (6, 8, 10)])]
)
@pytest.mark.parametrize("name", OURS)
def test_batches_can_be_reduced_together(name, space):
    """A metric of a batch is the reduction of the errors of its samples, computed one by one."""
    rng, metric = np.random.default_rng(0), METRICS.find(name)
    prediction, target = jnp.asarray(rng.normal(size=(2, 3, 2, *space, 2)), jnp.float32)
    apart = [metric.of_samples(prediction[i : i + 1], target[i : i + 1]) for i in range(3)]
    together = metric(prediction, target)
    assert together.shape == (2, 2)
    np.testing.assert_allclose(metric.reduce(np.concatenate(apart)), together, rtol=1e-5)


def test_targets_that_decay_to_zero_or_to_a_constant_have_finite_errors():
    """An error of 1e-3 over √ε; between, the norm and ε add up."""
    zero, error = jnp.zeros((1, 1, 8, 1)), 1e-3
    for metric, target in ((NRMSE, zero), (VRMSE, zero), (VRMSE, zero + 2.0)):
        np.testing.assert_allclose(metric(target + error, target), [[error / 1e-7**0.5]], rtol=1e-3)
        assert (metric(target, target) == 0).all()
    decayed = sine(2, amplitude=(2e-7) ** 0.5)  # ⟨target²⟩ = ε
    for metric in (NRMSE, VRMSE):
        np.testing.assert_allclose(metric(2 * decayed, decayed), np.full((3, 1), 0.5**0.5), rtol=1e-5)


@pytest.mark.parametrize("name", OURS)
def test_shapes_must_be_equal(unchecked, name):
    metric = METRICS.find(name)
    with pytest.raises(ValueError, match=r"\(2, 3, 8, 1\).*\(1, 3, 8, 1\).*broadcast"):
        metric(jnp.ones((2, 3, 8, 1)), jnp.ones((1, 3, 8, 1)))
    with pytest.raises(ValueError, match="channel axis"):
        metric(jnp.ones((2, 3, 8)), jnp.ones((2, 3, 8)))


@pytest.mark.parametrize(
    "case",
    [
        *(pytest.param(case, marks=pytest.mark.thorough) for case in ("metric_1d", "metric_2d")),
        "metric_2d_rect",
        "metric_3d",
    ],
)
def test_equals_the_published_benchmark(reference, case):
    arrays = np.load(reference / f"{case}.npz")
    prediction, target = (jnp.asarray(np.moveaxis(arrays[name], -2, 1)) for name in ("pred", "target"))
    names = {
        "RMSE": "RMSE",
        "nRMSE": "nRMSE",
        "CSV": "conserved_RMSE",
        "Max": "max_error",
        "BD": "boundary_RMSE",
    }
    ours = {name: METRICS.find(metric) for name, metric in names.items()} | {"F": fourier}
    for name, metric in ours.items():
        found, full = metric(prediction, target), np.moveaxis(arrays[f"full_{name}"], 0, -1)
        full = full.swapaxes(0, 1) if name == "F" else full  # [channel, band, time] there
        # The published conserved error subtracts two float32 totals: round-off of fields of order 1.
        round_off = np.finfo(np.float32).eps if name == "CSV" else 0.0
        np.testing.assert_allclose(found, full, rtol=1e-5, atol=round_off)
        np.testing.assert_allclose(found.mean(axis=(0, -1)), arrays[f"mean_{name}"], rtol=1e-5)


def test_a_band_without_shells_on_the_grid_is_undefined():
    error = fourier(sine(1, 16) * 1.1, sine(1, 16))
    assert np.isfinite(error[:, :2]).all() and np.isnan(error[:, 2]).all()


def test_the_bands_hold_all_shells():
    """Σ of the power over the shells is that of the three bands together."""
    rng = np.random.default_rng(0)
    prediction, target = jnp.asarray(rng.normal(size=(2, 3, 2, 64, 64, 2)), jnp.float32)
    bands = [f(prediction, target) for f in (metrics.fourier_low, metrics.fourier_mid, metrics.fourier_high)]
    np.testing.assert_array_equal(np.concatenate(bands, axis=-1), metrics.shell_power(prediction - target))
