"""Leave one out: the error at a trained value against the error of a training without it."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cape.data import Data, prepare
from cape.datasets.splits import kind_of
from cape.datasets.trajectories import Trajectories
from cape.evaluation.parameter_use import RIGHT, sample_errors
from cape.experiment import Experiment, train
from cape.surrogate import Surrogate

LEAST_VALUES, MOST_VALUES = 3, 50


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """The nRMSE at one value.

    Attributes:
        parameters: the value by name.
        kind: what it is for a training on the other values: "interpolated" or "extrapolated".
        samples: number of test trajectories at the value.
        trained: error of the run, which was trained on the value.
        without: error of the surrogate trained without it.
    """

    parameters: dict[str, float]
    kind: str
    samples: int
    trained: float
    without: float

    @property
    def ratio(self) -> float:
        """The error without the value over the error with it."""
        return self.without / max(self.trained, np.finfo(float).tiny)


@dataclasses.dataclass(frozen=True, eq=False)
class Reduced:
    """An experiment without one value.

    Attributes:
        value: [parameter], the value that is left out.
        name: of its folder.
        experiment: the settings; the value is held out.
        data: the data of this experiment.
        test: test trajectories of the run at the value, of initial conditions that neither training has seen.
    """

    value: np.ndarray
    name: str
    experiment: Experiment
    data: Data
    test: Trajectories


def errors_without(
    folder: Path, experiment: Experiment, surrogate: Surrogate, data: Data, *, progress: bool = True
) -> tuple[LeftOut, ...]:
    """Train once without each trained value, and compare the errors at that value with those of the run.

    Each training has a folder of its own in `folder`, where a stopped training continues.

    Raises:
        ValueError: the run started from a surrogate, was trained on fewer than LEAST_VALUES or more than MOST_VALUES
            values, or there is a value without test trajectories. Nothing is trained then.
        Diverged: a training diverged.
    """
    if experiment.start.model:
        raise ValueError(
            "leaving out values needs a training from random weights, and the run started from "
            f"{experiment.start.model}, which may know them"
        )
    values = np.unique(data.training.parameters, axis=0)
    if not LEAST_VALUES <= len(values) <= MOST_VALUES:
        raise ValueError(
            f"leaving out one value at a time needs {LEAST_VALUES} to {MOST_VALUES} trained values, the run has "
            f"{len(values)}"
        )
    found = []
    for each in list(_reduced(values, experiment, data)):
        without = train(each.experiment, each.data, folder / each.name, progress=progress)
        errors = [
            sample_errors(of.at, each.test, {RIGHT: each.test.parameters}, window=of.window)[RIGHT].mean()
            for of in (surrogate, without)
        ]
        others = values[(values != each.value).any(axis=1)]
        named = dict(zip(data.training.parameter_names, each.value.tolist(), strict=True))
        found.append(LeftOut(named, kind_of(each.value, others), each.test.samples, *map(float, errors)))
    return tuple(found)


def _reduced(values: np.ndarray, experiment: Experiment, data: Data) -> Iterator[Reduced]:
    """Yield the experiment without each value; reads no field, unless samples with NaN are to be left out."""
    for value in values:
        named = zip(data.training.parameter_names, value.tolist(), strict=True)
        text = ",".join(f"{name}={number!r}" for name, number in named)
        held_out = (*experiment.data.held_out, text)
        config = dataclasses.replace(experiment, data=dataclasses.replace(experiment.data, held_out=held_out))
        reduced = prepare(config.data, progress=False)
        here = (data.test.parameters == value).all(axis=1)
        new = ~np.isin(data.test.initial_conditions, reduced.trained_on)
        if not (here & new).any():
            raise ValueError(f"data.test: no test trajectory has {text}; give a larger fraction")
        name = "without_" + re.sub(r"[^\w.=,+-]", "_", text)
        yield Reduced(value, name, config, reduced, data.test.select(here & new))
