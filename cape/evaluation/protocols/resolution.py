"""Resolution: the error on a grid twice as fine as in training.

trained_grid    mean nRMSE on the grid of the training, over the values of one kind
twice_as_fine   the same with twice as many points along every axis
ratio           twice_as_fine / trained_grid
"""

from cape.evaluation.evaluation import KINDS
from cape.evaluation.protocols.protocol import Protocol
from cape.evaluation.protocols.study import Study


def resolution(study: Study) -> list[dict]:
    """Compare nRMSE on a finer grid with that on the trained grid, for each kind of values; no rows without one."""
    if study.finer is None:
        return []
    fine = study.evaluate(study.step_at, study.finer).summary
    errors = {
        kind: (study.evaluation.summary[kind]["nRMSE"], fine[kind]["nRMSE"]) for kind in KINDS if kind in fine
    }
    return [
        {"kind": kind, "trained_grid": trained, "twice_as_fine": finer, "ratio": finer / trained}
        for kind, (trained, finer) in errors.items()
    ]


RESOLUTION = Protocol(
    "resolution",
    resolution,
    title="nRMSE on the grid trained on, and on one twice as fine along every axis",
    empty="no finer grid: the files have fewer than twice the points trained on",
)
