"""Controls: the same rollouts with wrong parameters.

nRMSE is measured for each parameter value three times:

    right      with the parameters of the samples
    shuffled   with the parameters of another value; every value gets another one
    mean       with the mean of the trained values, of their logarithms if they are positive and spread over a decade

The errors of a surrogate that uses its parameters grow a lot with wrong ones. Those of a surrogate that ignores its
parameters stay the same.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cape.evaluation.protocols.protocol import Protocol
from cape.evaluation.protocols.study import Study
from cape.evaluation.wrong_parameters import mean_of, shuffled
from cape.rollout import Step


def controls(study: Study) -> list[dict]:
    """Measure nRMSE at each parameter value with right, shuffled and mean parameters; no rows for a single value."""
    values = np.unique(study.trajectories.parameters.astype(np.float32), axis=0)
    if len(values) < 2:
        return []
    other = shuffled(values, study.seed)
    middle = np.broadcast_to(mean_of(study.evaluation.training_values).astype(np.float32), values.shape)
    after_shuffle, after_mean = (_errors(study, values, replacements) for replacements in (other, middle))
    return [
        {
            "parameters": row.parameters,
            "kind": row.kind,
            "right": row.values["nRMSE"],
            "shuffled": s,
            "mean": m,
        }
        for row, s, m in zip(study.evaluation.rows, after_shuffle, after_mean, strict=True)
    ]


def _errors(
    study: Study,
    values: Float[np.ndarray, "value parameter"],
    replacements: Float[np.ndarray, "value parameter"],
) -> list[float]:
    """Return the nRMSE at each parameter value if every value is replaced by the corresponding one."""

    def wrong(parameters: Float[Array, "batch parameter"]) -> Step:
        equal = (parameters[:, None, :] == jnp.asarray(values)[None, :, :]).all(axis=-1)
        return study.step_at(jnp.asarray(replacements)[jnp.argmax(equal, axis=1)])

    return [row.values["nRMSE"] for row in study.evaluate(wrong, study.trajectories).rows]


CONTROLS = Protocol(
    "controls",
    controls,
    title="nRMSE with the right parameters, those of another value (shuffled), the mean of the trained",
    empty="no controls: the files have one parameter value",
)
