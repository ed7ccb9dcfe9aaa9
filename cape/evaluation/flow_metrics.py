"""Metrics that are usual for flows: the correlation with the truth, how long it lasts, and the energy.

Fields are [batch, time, *space, channel], on the frames a model predicted. With p the prediction, q the truth and ⟨.⟩
the mean over space, for each frame and channel:

    correlation          r = ⟨p' q'⟩ / √(⟨p'²⟩ ⟨q'²⟩),   p' = p - ⟨p⟩,  q' = q - ⟨q⟩
    correlated_fraction  share of the frames before r first falls below 0.8
    energy_error         |⟨p²⟩ - ⟨q²⟩| / (⟨q²⟩ + ε)

r does not depend on the size of the fields: a field that has decayed counts like any other. r is 0 if p or q is
uniform. Where both are uniform to 1 % of the largest frame of q, r says nothing, and the fraction counts the frame as
correlated.

The energy of a velocity is twice its kinetic energy; that of a vorticity is twice its enstrophy. ε is that of
`cape.evaluation.metrics`.

Source: the correlation time is that of D. Kochkov et al., PNAS 2021, arXiv 2102.01010, who use 0.95 for the vorticity.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from cape.evaluation.metric import METRICS, Fields, Metric, mean
from cape.evaluation.metrics import EPSILON, NO_UNIT, QUIET, PerSample, mean_over_space

CORRELATED = 0.8  # correlation down to which a prediction is of use
UNIFORM = 0.01  # fluctuations up to this share of the largest frame are not compared


def correlation(prediction: Fields, target: Fields) -> PerSample:
    """Compute r; 1 is a perfect prediction up to its size, 0 one that is unrelated."""
    p, q = (_of_unit_size(_fluctuation(field)) for field in (prediction, target))
    return mean_over_space(p * q)


def correlated(prediction: Fields, target: Fields) -> PerSample:
    """Return 1 until r first falls below 0.8 (or is not finite), and 0 from then on."""
    largest = jnp.max(mean_over_space(target**2), axis=1, keepdims=True)
    limit = UNIFORM**2 * largest
    uniform = [mean_over_space(_fluctuation(field) ** 2) <= limit for field in (prediction, target)]
    enough = (correlation(prediction, target) >= CORRELATED) | (uniform[0] & uniform[1])
    return jnp.cumprod(enough.astype(target.dtype), axis=1)


def _of_unit_size(field: Fields) -> Fields:
    """Divide each frame by its root mean square; by its maximum first, so that squares of small values are not zero."""
    space = tuple(range(2, field.ndim - 1))
    field = _divide(field, jnp.max(jnp.abs(field), axis=space, keepdims=True))
    return _divide(field, jnp.sqrt(jnp.mean(field**2, axis=space, keepdims=True)))


def _divide(field: Fields, scale: Float[Array, "batch time *#space channel"]) -> Fields:
    return field / jnp.where(scale == 0, 1, scale)


def _fluctuation(field: Fields) -> Fields:
    return field - jnp.mean(field, axis=tuple(range(2, field.ndim - 1)), keepdims=True)


def energy_error(prediction: Fields, target: Fields) -> PerSample:
    """Compute |⟨p²⟩ - ⟨q²⟩| / (⟨q²⟩ + ε)."""
    p, q = mean_over_space(prediction**2), mean_over_space(target**2)
    return jnp.abs(p - q) / (q + EPSILON)


for metric in (
    Metric("correlation", correlation, "⟨p' q'⟩ / √(⟨p'²⟩ ⟨q'²⟩)", NO_UNIT, mean, **QUIET),
    Metric("correlated_fraction", correlated, "share of the frames before the correlation first falls below 0.8",
           NO_UNIT, mean, heading="correlated", in_figures=False),
    Metric("energy_error", energy_error, "|⟨p²⟩ - ⟨q²⟩| / (⟨q²⟩ + ε)", NO_UNIT, mean, **QUIET),
):  # fmt: skip
    METRICS.add(metric)
