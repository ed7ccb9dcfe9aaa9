"""Distance: how the error grows with the distance of parameter values from the trained ones.

Values are sorted into groups: trained; between the trained ones; outside of their range by a factor of up to 2, of up
to 10, or more. For each group

    nRMSE   mean over its values
    ratio   that mean, divided by the mean over the trained values

The factor of a value is that of its most extreme parameter: |p| / (largest trained |p|), or (smallest trained p) / p
if both are positive and this is larger.
"""

import numpy as np
from jaxtyping import Float

from cape.evaluation.protocols.protocol import Protocol
from cape.evaluation.protocols.study import Study

FACTORS = (2.0, 10.0)
GROUPS = ("trained", "between", *(f"up to {factor:g} times outside" for factor in FACTORS), "further outside")


def distance(study: Study) -> list[dict]:
    """Average nRMSE by distance from the trained values; no rows if all values or none are trained."""
    trained_values = study.evaluation.training_values
    low, high = trained_values.min(axis=0), trained_values.max(axis=0)
    errors: dict[str, list[float]] = {group: [] for group in GROUPS}
    for row in study.evaluation.rows:
        group = {"seen": 0, "interpolated": 1}.get(row.kind)
        if group is None:
            factor = _factor(np.array(list(row.parameters.values())), low, high)
            group = 2 + int(np.searchsorted(FACTORS, factor * (1 - 1e-6)))
        errors[GROUPS[group]].append(row.values["nRMSE"])
    if not errors["trained"] or len(errors["trained"]) == len(study.evaluation.rows):
        return []
    trained = np.mean(errors["trained"])
    return [
        {
            "values": group,
            "count": len(found),
            "nRMSE": float(np.mean(found)),
            "ratio": float(np.mean(found) / trained),
        }
        for group, found in errors.items()
        if found
    ]


def _factor(
    value: Float[np.ndarray, " parameter"],
    low: Float[np.ndarray, " parameter"],
    high: Float[np.ndarray, " parameter"],
) -> float:
    """Return by what factor the most extreme parameter lies outside of the trained range."""
    largest = np.maximum(np.abs(low), np.abs(high))
    beyond = np.abs(value) / np.where(largest > 0, largest, np.finfo(float).tiny)
    positive = (low > 0) & (value > 0)
    below = np.divide(low, value, where=positive, out=np.where(low > 0, np.inf, 0.0))
    return float(np.maximum(beyond, below).max())


DISTANCE = Protocol(
    "distance",
    distance,
    title="nRMSE by distance from the trained values, and its ratio to that of trained ones",
    empty="no distance: all values or none were trained on",
)
