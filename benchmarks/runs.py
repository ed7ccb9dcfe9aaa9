"""Runs of experiments that are kept in a folder and used again."""

import json
import time
from pathlib import Path

from cape.evaluation.evaluation import Evaluation
from cape.evaluation.files import read as read_evaluation
from cape.experiment import Experiment, run
from cape.training.run_folder import refuse_other

SECONDS = "seconds.json"


def evaluation_and_seconds(
    experiment: Experiment, folder: Path, *, figures: bool = False
) -> tuple[Evaluation, float]:
    """Return the evaluation of an experiment and the CPU seconds that it took.

    Runs the experiment in `folder`, unless the folder holds its evaluation already.

    Raises:
        ValueError: the folder holds a run of another configuration.
    """
    refuse_other(experiment, folder)
    if not (folder / "evaluation" / "evaluation.json").exists():
        started = time.process_time()
        run(experiment, folder, progress=False, figures=figures)
        (folder / SECONDS).write_text(json.dumps(time.process_time() - started))
    return read_evaluation(folder / "evaluation"), json.loads((folder / SECONDS).read_text())
