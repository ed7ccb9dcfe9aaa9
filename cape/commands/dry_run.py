"""cape train --dry-run."""

import dataclasses
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cape.experiment import Experiment


def dry_run(experiment: "Experiment") -> None:
    """Print what a training is and what it costs, without writing anything.

    Simulated data that are not there yet are simulated into a temporary folder.

    Raises:
        ValueError: data and configuration do not fit (see `cape.experiment.train`).
    """
    from cape.data import prepare, simulation_folder
    from cape.experiment import check_data
    from cape.training.build import set_up
    from cape.training.cost import measure_cost
    from cape.training.description import describe

    experiment = experiment.settled
    with tempfile.TemporaryDirectory() as folder:
        config = experiment.data
        if not config.files and not simulation_folder(config).is_dir():
            config = dataclasses.replace(config, folder=folder)
        data = check_data(experiment, prepare(config, progress=False))
        chosen, surrogate, notes = set_up(experiment, data.training)
        print("\n".join([describe(surrogate, data), *notes, ""]))
        print(measure_cost(surrogate, data.training, chosen.training))
