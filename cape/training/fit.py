"""Fit: train a surrogate on trajectories, validate it, and keep the best weights."""

import dataclasses
from pathlib import Path

from cape.config import to_dict
from cape.datasets.trajectories import Trajectories
from cape.surrogate import Surrogate
from cape.training import processes
from cape.training.attempt import Attempt
from cape.training.config import TrainingConfig
from cape.training.divergence import Diverged
from cape.training.interruption import Interruption
from cape.training.notebook import live_trackers
from cape.training.run_output import RunOutput
from cape.training.step_check import check_steps
from cape.training.tracker import Trackers


def fit(
    surrogate: Surrogate,
    training: Trajectories,
    validation: Trajectories,
    config: TrainingConfig,
    folder: Path | None = None,
    *,
    progress: bool = True,
) -> Surrogate:
    """Train on `training`; return a copy of the surrogate with the best weights (see `BestWeights`).

    With a `folder`, write `metrics.jsonl`, checkpoints, and the surrogate with the best weights so far (`model/`, which
    `cape.load` opens). Called again on the same folder, continue from the newest checkpoint, also inside an epoch. On a
    CPU a resumed training gives bitwise the weights of an uninterrupted one.

    Raises:
        ValueError: the data do not fit the surrogate, or a checkpoint does not fit the configuration.
        ImportError: the package of a tracker is missing.
        FolderInUse: another training is running in the folder.
        Diverged: the losses, the weights or the errors of all validations are not finite. The folder keeps the best
            weights so far, if any were validated.
        Interrupted, Terminated: SIGINT (Ctrl-C) or SIGTERM came, and there is a folder. The running update was
            finished and its state saved (see `Interruption`).
    """
    check_steps(surrogate, training, validation, max(config.augmentation.strides))
    diverged = None
    settings = {"model": to_dict(surrogate.config), "training": to_dict(config)}
    settings["problem"] = dataclasses.asdict(surrogate.problem)
    progress = progress and processes.first()
    names = (*config.trackers, *live_trackers(progress)) if processes.first() else ()
    trackers = Trackers(names, settings, folder)
    with (
        RunOutput(folder, trackers) as output,
        trackers,
        Interruption(active=folder is not None) as interruption,
    ):
        data = training, validation
        while True:
            try:
                attempt = Attempt(surrogate, *data, config, output, interruption, diverged, progress=progress)
                return attempt.run()
            except Diverged as error:
                if not error.may_retry or output.retries >= config.divergence_retries:
                    raise
                diverged = error
