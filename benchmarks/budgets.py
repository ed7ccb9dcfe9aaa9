"""The budgets of the 1D tables: the data and the length of a training, the same for every contender.

The budgets are those under which the published code was measured. The long ones are ours.
"""

import dataclasses
from pathlib import Path

from cape.data import DataConfig
from cape.datasets.augmentation import Augmentation
from cape.datasets.opening import find_files, open_files

POINTS = 128  # of the grid to which files are reduced


@dataclasses.dataclass(frozen=True)
class Budget:
    """What a contender may use.

    Attributes:
        file_prefix: beginning of the names of PDEBench's files.
        held_out: parameter values never trained on, see `DataConfig`.
        samples: number of initial conditions to train, validate and test with, at each parameter value.
        frames: frames of a trajectory, the initial one included.
        epochs, batch: see `TrainingConfig`.
        warmup: warm-up epochs of our default training.
        heads: propagator heads of our CAPE.
        augmentation: symmetries that our default training uses.
        validation, test: fractions of `samples`. The initial conditions beyond `samples` are always for evaluation.
    """

    file_prefix: str
    held_out: tuple[str, ...]
    samples: int
    frames: int
    epochs: int
    batch: int
    warmup: int
    heads: int
    augmentation: Augmentation
    validation: float = 0.1
    test: float = 0.0


BURGERS = Budget(
    file_prefix="1D_Burgers_Sols_Nu",
    held_out=("Nu=0.001", "Nu=0.01", "Nu=0.1", "Nu=1.0"),
    samples=50,
    frames=11,
    epochs=20,
    batch=10,
    warmup=1,
    heads=8,
    augmentation=Augmentation(tilings=(1, 1, 1, 2), reflect=True, largest_boost=0.5),
)
ADVECTION = Budget(
    file_prefix="1D_Advection_Sols_beta",
    held_out=("beta=0.1", "beta=1.0"),
    samples=50,
    frames=21,
    epochs=20,
    batch=25,
    warmup=6,
    heads=16,
    augmentation=Augmentation(tilings=(1, 1, 2, 4)),
)
LONG = {"epochs": 60, "batch": 25, "frames": 11, "validation": 0.02, "test": 0.08}
BUDGETS = {
    "burgers": BURGERS,
    "advection": ADVECTION,
    "burgers-long": dataclasses.replace(BURGERS, samples=100, warmup=2, **LONG),
    "advection-long": dataclasses.replace(ADVECTION, samples=200, **LONG),
}


def data_config(budget: Budget, folder: Path) -> DataConfig:
    """Return the configuration that takes the budget's part of every file of its equation in a folder.

    Raises:
        SystemExit: the folder has no files of the equation.
    """
    files = [str(file) for file in find_files([str(folder)]) if file.name.startswith(budget.file_prefix)]
    if not files:
        raise SystemExit(
            f"{folder}: expected files named {budget.file_prefix}*, found none; name another folder"
        )
    first = open_files(files[:1])
    return DataConfig(
        files=tuple(files),
        held_out=budget.held_out,
        samples=budget.samples,
        space_stride=max(first.resolution[0] // POINTS, 1),
        time_stride=(first.frames - 1) // (budget.frames - 1),
        validation=budget.validation,
        test=budget.test,
    )
