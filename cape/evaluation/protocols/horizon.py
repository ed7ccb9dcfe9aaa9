"""Horizon: how the error grows after the number of steps a surrogate was trained for.

With e(n) the mean nRMSE after n steps over the values of one kind, T the number of trained steps and S the smaller one
of 2 T and the number of steps in the data

    within = mean of e(1), ..., e(T)        beyond = mean of e(T + 1), ..., e(S)
"""

import numpy as np

from cape.evaluation.evaluation import KINDS
from cape.evaluation.protocols.protocol import Protocol
from cape.evaluation.protocols.study import Study


def horizon(study: Study) -> list[dict]:
    """Average nRMSE within and beyond the trained steps, for each kind of values; no rows without later steps."""
    trained_steps, steps = study.trained_steps, min(2 * study.trained_steps, study.steps)
    if not 0 < trained_steps < steps:
        return []
    rows = study.evaluation.rows
    curves = {kind: [row.over_time["nRMSE"] for row in rows if row.kind == kind] for kind in KINDS}
    means = {kind: np.mean(found, axis=0) for kind, found in curves.items() if found}
    return [
        {
            "kind": kind,
            "trained_steps": trained_steps,
            "steps": steps,
            "within": float(mean[:trained_steps].mean()),
            "beyond": float(mean[trained_steps:steps].mean()),
        }
        for kind, mean in means.items()
    ]


HORIZON = Protocol(
    "horizon",
    horizon,
    title="nRMSE within the {trained_steps} steps trained, and beyond up to step {steps}",
    empty="no longer horizon: the files end with the steps trained",
)
