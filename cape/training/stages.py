"""Record the trainings that the weights of a surrogate go through."""

from pathlib import Path
from typing import Any

from cape.data import DataConfig
from cape.datasets.fingerprint import fingerprint
from cape.datasets.trajectories import Trajectories
from cape.locate import name_without_folder
from cape.model.lineage import Stage


def first_stage(recorded: Any) -> tuple[Stage, ...]:
    """Return the training of a surrogate that started from random weights, or () if its settings are not recorded.

    Args:
        recorded: its experiment (`cape.experiment.Experiment`), or None.
    """
    if recorded is None:
        return ()
    return (Stage("", "", _data_names(recorded.data), 0, "", recorded.training.epochs),)


def stage_of(experiment: Any, training: Trajectories) -> Stage:
    """Return the training of an experiment that starts from a surrogate. Reads first and last frames."""
    return Stage(
        start=name_without_folder(experiment.start.model),
        weights_sha256=experiment.start.weights_sha256,
        data=_data_names(experiment.data),
        trajectories=training.samples,
        data_sha256=fingerprint(training),
        epochs=experiment.training.epochs,
    )


def _data_names(config: DataConfig) -> tuple[str, ...]:
    return tuple(Path(file).name for file in config.files) or (f"simulated {config.simulation.equation}",)
