"""The error of power spectra, as a metric: how far a prediction's scales have too much or too little power.

Fields are [batch, time, *space, channel]. With P_p(r) and P_q(r) the power of prediction and truth in shell r (see
cape/evaluation/spectra.py, with wave numbers in waves per side of the domain), for each frame and channel:

    spectrum_error = mean over r = 1 .. min(n)/2 of |log10((P_p(r) + δ) / (P_q(r) + δ))|,   δ = 1e-8 Σ_r P_q(r)

It is in decades: 0.3 is a factor of two. The mean over space, shell 0, is left out. δ keeps shells that hold only
round-off from counting. An axis of a single point has no shell; a grid without any gives NaN.
"""

import jax
import jax.numpy as jnp
import numpy as np

from cape.evaluation.flow import SPECTRUM_ERROR
from cape.evaluation.metric import METRICS, Fields, Metric, mean
from cape.evaluation.metrics import NO_UNIT, QUIET, PerSample

_FLOOR = 1e-8  # of the truth's power outside of shell 0
_SMALLEST = 1e-30


def spectrum_error(prediction: Fields, target: Fields) -> PerSample:
    """Compute the mean of |log10(P_p / P_q)| over the shells that the grid resolves."""
    p, q = (_shell_power(field) for field in (prediction, target))
    floor = _FLOOR * q.sum(0, keepdims=True) + _SMALLEST
    return jnp.abs(jnp.log10((p + floor) / (q + floor))).mean(0)


def _shell_power(field: Fields) -> jax.Array:
    """Return the power of shells 1, 2, ..., [shell, batch, time, channel]."""
    axes = tuple(range(2, field.ndim - 1))
    space = field.shape[2:-1]
    power = jnp.square(jnp.abs(jnp.fft.fftn(field, axes=axes, norm="forward")))
    points = jnp.moveaxis(power, axes, range(len(axes))).reshape(-1, *field.shape[:2], field.shape[-1])
    waves = np.meshgrid(*(np.fft.fftfreq(n, 1 / n) for n in space), indexing="ij")
    shell = np.floor(np.sqrt(sum(k**2 for k in waves)) + 0.5).astype(int).ravel()
    last = min((n for n in space if n > 1), default=1) // 2
    sums = jax.ops.segment_sum(points, jnp.asarray(np.minimum(shell, last + 1)), num_segments=last + 2)
    return sums[1 : last + 1]


METRICS.add(
    Metric(SPECTRUM_ERROR, spectrum_error, "mean |log10(P_p / P_q)| over shells", NO_UNIT, mean, **QUIET)
)
