"""How far a predicted trajectory is from the true one: PDEBench's metrics and The Well's VRMSE.

Fields are [batch, time, *space, channel] in 1D, 2D or 3D, on the frames a model PREDICTED, never on those
it was given. With e = prediction - target, N grid points and ⟨.⟩ the mean over space, for each frame and
channel:

    RMSE       mean_b √⟨e²⟩
    nRMSE      mean_b √⟨e²⟩ / √⟨target²⟩
    VRMSE      mean_b √⟨e²⟩ / √⟨(target - ⟨target⟩)²⟩
    conserved  √(mean_b ⟨e⟩²)               error of the conserved total, per grid point
    max        max_b max_x |e|
    boundary   mean_b √(mean of e² over the points of all faces; a shared corner counts once per face)
    Fourier    mean over the shells r of a band of  (1/N) √(mean_b Σ_{⌊|k|⌋ = r} |ê(k)|²)

ê is the unnormalised DFT and k runs over the integer wave vectors of ONE quadrant, 0 <= k_i <= n_i / 2, so
shell 0 holds |⟨e⟩|. Shells: 0 .. n/2 in 1D; 0 .. min(n)/2 - 1 in 2D and 3D. Bands: low [0, 4), mid [4, 12),
high [12, ...); a band without a shell on this grid is NaN. No denominator carries an epsilon: a target that
is zero (nRMSE) or constant (VRMSE) in space gives inf, or NaN where the error is zero too. The figure to
report is the mean over time and channel. nRMSE and VRMSE are dimensionless, the others in the units of the
field.

Sources: M. Takamoto et al., PDEBench (arXiv:2210.07182), appendix on metrics; VRMSE: R. Ohana et al., The
Well (arXiv:2412.00568), here without its epsilon. Held to reference arrays in tests/test_metrics.py.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

METRICS_VERSION = 1
BANDS = {"low": (0, 4), "mid": (4, 12), "high": (12, None)}

Fields = Float[Array, "batch time *space channel"]
PerSample = Float[Array, "batch time channel"]
PerFrame = Float[Array, "time channel"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class SampleErrors:
    """Everything the metrics need of each sample; batches of it are reduced by `summarise`."""

    rmse: PerSample
    nrmse: PerSample
    vrmse: PerSample
    mean: PerSample  # ⟨e⟩, signed
    maximum: PerSample
    boundary: PerSample
    power: Float[Array, "batch time shell channel"]  # Σ |ê / N|² in each shell


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Metrics:
    """Every metric per frame and channel, reduced over the batch; formulas at the top of this file."""

    rmse: PerFrame
    nrmse: PerFrame
    vrmse: PerFrame
    conserved_rmse: PerFrame
    max_error: PerFrame
    boundary_rmse: PerFrame
    fourier_rmse: Float[Array, "time band channel"]


def evaluate_metrics(prediction: Fields, target: Fields) -> Metrics:
    """Compute every metric in one pass; ValueError unless both shapes are equal, with 4 to 6 axes."""
    return summarise(sample_errors(prediction, target))


def sample_errors(prediction: Fields, target: Fields) -> SampleErrors:
    """Compute what the metrics need of each sample, so that batches can be reduced together later."""
    return SampleErrors(
        rmse=sample_rmse(prediction, target),
        nrmse=sample_nrmse(prediction, target),
        vrmse=sample_vrmse(prediction, target),
        mean=_mean(_error(prediction, target)),
        maximum=jnp.max(jnp.abs(_error(prediction, target)), axis=_space(target)),
        boundary=sample_boundary_rmse(prediction, target),
        power=shell_power(_error(prediction, target)),
    )


def summarise(errors: SampleErrors) -> Metrics:
    """Reduce per-sample errors over the batch."""
    return Metrics(
        rmse=jnp.mean(errors.rmse, axis=0),
        nrmse=jnp.mean(errors.nrmse, axis=0),
        vrmse=jnp.mean(errors.vrmse, axis=0),
        conserved_rmse=jnp.sqrt(jnp.mean(jnp.square(errors.mean), axis=0)),
        max_error=jnp.max(errors.maximum, axis=0),
        boundary_rmse=jnp.mean(errors.boundary, axis=0),
        fourier_rmse=band_means(jnp.sqrt(jnp.mean(errors.power, axis=0))),
    )


def rmse(prediction: Fields, target: Fields) -> PerFrame:
    """mean_b √⟨e²⟩."""
    return jnp.mean(sample_rmse(prediction, target), axis=0)


def nrmse(prediction: Fields, target: Fields) -> PerFrame:
    """mean_b √⟨e²⟩ / √⟨target²⟩."""
    return jnp.mean(sample_nrmse(prediction, target), axis=0)


def vrmse(prediction: Fields, target: Fields) -> PerFrame:
    """mean_b √⟨e²⟩ / √⟨(target - ⟨target⟩)²⟩: 1 is what predicting the spatial mean scores."""
    return jnp.mean(sample_vrmse(prediction, target), axis=0)


def conserved_rmse(prediction: Fields, target: Fields) -> PerFrame:
    """√(mean_b ⟨e⟩²): the error of the total over the domain, per grid point."""
    return jnp.sqrt(jnp.mean(_mean(_error(prediction, target)) ** 2, axis=0))


def max_error(prediction: Fields, target: Fields) -> PerFrame:
    """max_b max_x |e|."""
    return jnp.max(jnp.abs(_error(prediction, target)), axis=(0, *_space(target)))


def boundary_rmse(prediction: Fields, target: Fields) -> PerFrame:
    """mean_b of the RMSE over the faces of the domain (2 points, 4 edges or 6 faces), every point alike."""
    return jnp.mean(sample_boundary_rmse(prediction, target), axis=0)


def fourier_rmse(prediction: Fields, target: Fields) -> Float[Array, "time band channel"]:
    """Amplitude of the error per shell of wave numbers, averaged in the bands low, mid and high."""
    return band_means(jnp.sqrt(jnp.mean(shell_power(_error(prediction, target)), axis=0)))


def sample_rmse(prediction: Fields, target: Fields) -> PerSample:
    """√⟨e²⟩ of each sample."""
    return jnp.sqrt(_mean(_error(prediction, target) ** 2))


def sample_nrmse(prediction: Fields, target: Fields) -> PerSample:
    """√⟨e²⟩ / √⟨target²⟩ of each sample; their median is robust where some samples decay to almost zero."""
    return sample_rmse(prediction, target) / jnp.sqrt(_mean(target**2))


def sample_vrmse(prediction: Fields, target: Fields) -> PerSample:
    """√⟨e²⟩ over the spatial standard deviation of the target, of each sample."""
    return sample_rmse(prediction, target) / jnp.std(target, axis=_space(target))


def sample_boundary_rmse(prediction: Fields, target: Fields) -> PerSample:
    """Root mean square error over the first and last layer of every axis, of each sample."""
    error = _error(prediction, target)
    squares, points = jnp.zeros((*error.shape[:2], error.shape[-1]), error.dtype), 0
    for axis in _space(error):
        faces = jnp.take(error, jnp.array([0, -1]), axis=axis)
        squares += jnp.sum(faces**2, axis=_space(faces))
        points += int(np.prod(faces.shape[2:-1]))
    return jnp.sqrt(squares / points)


def shell_power(error: Fields) -> Float[Array, "batch time shell channel"]:
    """Σ |ê(k) / N|² over the wave vectors of one quadrant with ⌊|k|⌋ = r, for every shell r."""
    resolution = error.shape[2:-1]
    spectrum = jnp.fft.rfftn(error, axes=_space(error), norm="forward")
    for axis, n in zip(_space(error), resolution, strict=True):
        spectrum = jax.lax.slice_in_dim(spectrum, 0, n // 2 + 1, axis=axis)
    power = (jnp.real(spectrum) ** 2 + jnp.imag(spectrum) ** 2).reshape(*error.shape[:2], -1, error.shape[-1])
    waves = np.meshgrid(*(np.arange(n // 2 + 1) for n in resolution), indexing="ij")
    radius = np.floor(np.sqrt(sum(k**2 for k in waves))).ravel()
    shells = resolution[0] // 2 + 1 if len(resolution) == 1 else min(resolution) // 2
    member = jnp.asarray(radius[:, None] == np.arange(shells)[None, :], power.dtype)
    return jnp.einsum("btkc,ks->btsc", power, member, precision=jax.lax.Precision.HIGHEST)


def band_means(amplitude: Float[Array, "time shell channel"]) -> Float[Array, "time band channel"]:
    """Average shell amplitudes in the bands low, mid, high; NaN where the grid has no shell in a band."""
    empty = jnp.full((amplitude.shape[0], amplitude.shape[2]), jnp.nan, amplitude.dtype)
    bands = [amplitude[:, low:high] for low, high in BANDS.values()]
    return jnp.stack([jnp.mean(band, axis=1) if band.shape[1] else empty for band in bands], axis=1)


def _error(prediction: Fields, target: Fields) -> Fields:
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction {prediction.shape} and target {target.shape} differ in shape: expected both "
            "[batch, time, *space, channel]; nothing is broadcast, repeat or crop one of them"
        )
    if not 4 <= target.ndim <= 6:
        raise ValueError(
            f"expected [batch, time, *space, channel] with 1 to 3 space axes, got shape {target.shape}; "
            "add the missing axis (a channel axis of 1, or frames[:, None] for a single frame)"
        )
    return prediction - target


def _space(field: Fields) -> tuple[int, ...]:
    return tuple(range(2, field.ndim - 1))


def _mean(field: Fields) -> PerSample:
    return jnp.mean(field, axis=_space(field))
