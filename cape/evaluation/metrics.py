"""The metrics of this package: PDEBench's, and The Well's VRMSE.

Fields are [batch, time, *space, channel] in 1D, 2D or 3D, on the frames a model PREDICTED, never on those
it was given. With e = prediction - target, N grid points and ⟨.⟩ the mean over space, for each frame and
channel:

    RMSE       mean_b √⟨e²⟩
    nRMSE      mean_b √⟨e²⟩ / √(⟨target²⟩ + ε)
    VRMSE      mean_b √⟨e²⟩ / √(⟨(target - ⟨target⟩)²⟩ + ε)    predicting the spatial mean scores 1
    conserved  √(mean_b ⟨e⟩²)               error of the conserved total, per grid point
    max        max_b max_x |e|
    boundary   mean_b √(mean of e² over the points of all faces; a shared corner counts once per face)
    Fourier    mean over the shells r of a band of  (1/N) √(mean_b Σ_{⌊|k|⌋ = r} |ê(k)|²)

ê is the unnormalised DFT and k runs over the integer wave vectors of ONE quadrant, 0 <= k_i <= n_i / 2, so
shell 0 holds |⟨e⟩|. Shells: 0 .. n/2 in 1D; 0 .. min(n)/2 - 1 in 2D and 3D. Bands: low [0, 4), mid [4, 12),
high [12, ...); a band without a shell on this grid is NaN. The reported value is the mean over time and channel.
nRMSE and VRMSE are dimensionless, the others in the units of the field.

ε = 1e-7, in the squared units of the field, is added to the squared norm and to the variance, as in The Well. Without
it, a target that decays to zero (nRMSE) or to a constant (VRMSE) gives infinity. With it, the relative error of a
field far below √ε = 3e-4 is small: divide data of such a scale by their standard deviation before evaluating.

Sources: M. Takamoto et al., PDEBench (arXiv:2210.07182), appendix on metrics, whose nRMSE has no ε; VRMSE and ε:
R. Ohana et al., The Well (arXiv:2412.00568), the_well/benchmark/metrics/spatial.py (there the variance of the sample,
over N - 1 points). tests/evaluation/test_metrics.py compares with reference arrays.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cape.evaluation.metric import METRICS, Fields, Metric, largest, mean, median, root_mean_square

METRICS_VERSION = 2  # 1: nRMSE and VRMSE without ε
EPSILON = 1e-7  # ε, added to the squared norm and to the variance
PerSample = Float[Array, "batch time channel"]


def rmse(prediction: Fields, target: Fields) -> PerSample:
    """Compute √⟨e²⟩."""
    return jnp.sqrt(mean_over_space((prediction - target) ** 2))


def nrmse(prediction: Fields, target: Fields) -> PerSample:
    """Compute √⟨e²⟩ / √(⟨target²⟩ + ε)."""
    return rmse(prediction, target) / jnp.sqrt(mean_over_space(target**2) + EPSILON)


def vrmse(prediction: Fields, target: Fields) -> PerSample:
    """Compute √⟨e²⟩ / √(⟨(target - ⟨target⟩)²⟩ + ε)."""
    return rmse(prediction, target) / jnp.sqrt(jnp.var(target, axis=_space(target)) + EPSILON)


def mean_error(prediction: Fields, target: Fields) -> PerSample:
    """Compute ⟨e⟩, with its sign."""
    return mean_over_space(prediction - target)


def max_error(prediction: Fields, target: Fields) -> PerSample:
    """Compute max_x |e|."""
    return jnp.max(jnp.abs(prediction - target), axis=_space(target))


def boundary_rmse(prediction: Fields, target: Fields) -> PerSample:
    """Compute the root mean square error over all points of the faces: 2 points, 4 edges or 6 faces."""
    error = prediction - target
    squares, points = jnp.zeros((*error.shape[:2], error.shape[-1]), error.dtype), 0
    for axis in _space(error):
        faces = jnp.take(error, jnp.array([0, -1]), axis=axis)
        squares += jnp.sum(faces**2, axis=_space(faces))
        points += int(np.prod(faces.shape[2:-1]))
    return jnp.sqrt(squares / points)


def fourier_low(prediction: Fields, target: Fields) -> Float[Array, "batch time channel shell"]:
    """Compute the power of e in the shells [0, 4)."""
    return shell_power(prediction - target)[..., :4]


def fourier_mid(prediction: Fields, target: Fields) -> Float[Array, "batch time channel shell"]:
    """Compute the power of e in the shells [4, 12)."""
    return shell_power(prediction - target)[..., 4:12]


def fourier_high(prediction: Fields, target: Fields) -> Float[Array, "batch time channel shell"]:
    """Compute the power of e in the shells [12, ...)."""
    return shell_power(prediction - target)[..., 12:]


def shell_power(error: Fields) -> Float[Array, "batch time channel shell"]:
    """Compute Σ |ê(k) / N|² over the wave vectors of one quadrant with ⌊|k|⌋ = r, for every shell r."""
    resolution = error.shape[2:-1]
    spectrum = jnp.fft.rfftn(error, axes=_space(error), norm="forward")
    for axis, n in zip(_space(error), resolution, strict=True):
        spectrum = jax.lax.slice_in_dim(spectrum, 0, n // 2 + 1, axis=axis)
    power = (jnp.real(spectrum) ** 2 + jnp.imag(spectrum) ** 2).reshape(*error.shape[:2], -1, error.shape[-1])
    waves = np.meshgrid(*(np.arange(n // 2 + 1) for n in resolution), indexing="ij")
    radius = np.floor(np.sqrt(sum(k**2 for k in waves))).ravel()
    shells = resolution[0] // 2 + 1 if len(resolution) == 1 else min(resolution) // 2
    member = jnp.asarray(radius[:, None] == np.arange(shells)[None, :], power.dtype)
    return jnp.einsum("btkc,ks->btcs", power, member, precision=jax.lax.Precision.HIGHEST)


def mean_amplitude(
    power: Float[np.ndarray, "sample time channel shell"],
) -> Float[np.ndarray, "time channel"]:
    """Return the mean over shells of √(mean of the power over samples); NaN if there is no shell."""
    if not power.shape[-1]:
        return np.full(power.shape[1:3], np.nan)
    return np.sqrt(power.mean(axis=0)).mean(axis=-1)


def _space(field: Fields) -> tuple[int, ...]:
    return tuple(range(2, field.ndim - 1))


def mean_over_space(field: Fields) -> PerSample:
    """Return ⟨field⟩ of each frame and channel."""
    return jnp.mean(field, axis=_space(field))


FIELD, NO_UNIT = "field", "dimensionless"
QUIET: dict[str, Any] = {"in_table": False, "in_figures": False}  # in evaluation.json and evaluation.csv only

# name, function of each sample, description, unit, reduction over samples; where it is shown.
# The order is that of the files and of the printed table.
for metric in (
    Metric("RMSE", rmse, "√⟨e²⟩", FIELD, mean, persistence=True, in_figures=False),
    Metric("nRMSE", nrmse, "√⟨e²⟩ / √(⟨target²⟩ + ε)", NO_UNIT, mean, persistence=True,
           persistence_heading="persistence", by_channel=True),
    Metric("nRMSE_median", nrmse, "median over samples, robust where some decay to almost zero", NO_UNIT, median,
           over_time=False, heading="median", in_figures=False),
    Metric("VRMSE", vrmse, "√⟨e²⟩ / √(⟨(target - ⟨target⟩)²⟩ + ε)", NO_UNIT, mean, by_channel=True, in_figures=False),
    Metric("conserved_RMSE", mean_error, "√(mean ⟨e⟩²)", FIELD, root_mean_square, **QUIET),
    Metric("max_error", max_error, "max |e|", FIELD, largest, heading="max", in_figures=False),
    Metric("boundary_RMSE", boundary_rmse, "√⟨e²⟩ over the faces", FIELD, mean, **QUIET),
    Metric("Fourier_low", fourier_low, "amplitude of e in shells [0, 4)", FIELD, mean_amplitude, **QUIET),
    Metric("Fourier_mid", fourier_mid, "amplitude of e in shells [4, 12)", FIELD, mean_amplitude, **QUIET),
    Metric("Fourier_high", fourier_high, "amplitude of e in shells [12, ...)", FIELD, mean_amplitude, **QUIET),
):  # fmt: skip
    METRICS.add(metric)
