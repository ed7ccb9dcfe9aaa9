"""Model cards: the facts about a pretrained surrogate."""

import dataclasses
from pathlib import Path

import flax
import jax

import cape
from cape.data import Data, DataConfig
from cape.datasets.opening import find_files
from cape.datasets.trajectories import Trajectories
from cape.evaluation.evaluation import Evaluation
from cape.experiment import Experiment
from cape.identification.text import equation_text
from cape.locate import name_without_folder
from cape.model.arrays import count_weights
from cape.model.lineage import Stage
from cape.problem import Problem
from cape.release.sample import choose_sample
from cape.release.training_data import training_hash
from cape.surrogate import Surrogate


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """The facts on a model card; `card_text` writes them as Markdown.

    Attributes:
        name: the name of the surrogate.
        address: what `cape.load` takes: the name, or an address on a hub.
        licence: of the weights (and of a simulated sample), as an SPDX identifier.
        problem: what the surrogate solves.
        experiment: the settings of the run, without folders of this machine.
        evaluation: the errors on the test set.
        parameter_count: number of trained weights.
        identified: the equation that was found in the training data, as text; empty if there is none.
        samples: numbers of trajectories for training, validation and test.
        files: names of the data files; empty if the run simulated its data.
        training_sha256: hash of the training data, see `training_hash`.
        sample: the trajectories of sample.hdf5.
        versions: of the packages that wrote the folder.
        lineage: the trainings that the weights went through, if there are several.
    """

    name: str
    address: str
    licence: str
    problem: Problem
    experiment: Experiment
    evaluation: Evaluation
    parameter_count: int
    identified: str
    samples: tuple[int, int, int]
    files: tuple[str, ...]
    training_sha256: str
    sample: Trajectories
    versions: dict[str, str]
    lineage: tuple[Stage, ...] = ()

    @classmethod
    def of(
        cls,
        surrogate: Surrogate,
        experiment: Experiment,
        data: Data,
        evaluation: Evaluation,
        *,
        name: str,
        address: str,
        licence: str,
    ) -> "ModelCard":
        """Collect the facts about a trained surrogate; reads the training data."""
        equation = surrogate.equation
        files = (
            tuple(path.name for path in find_files(experiment.data.files)) if experiment.data.files else ()
        )
        return cls(
            name=name,
            address=address,
            licence=licence,
            problem=surrogate.problem,
            experiment=dataclasses.replace(
                experiment,
                data=_portable(experiment.data, files),
                start=dataclasses.replace(
                    experiment.start, model=name_without_folder(experiment.start.model)
                ),
            ),
            evaluation=evaluation,
            parameter_count=count_weights(surrogate),
            identified=equation_text(equation, surrogate.problem) if equation else "",
            samples=(data.training.samples, data.validation.samples, data.test.samples),
            files=files,
            training_sha256=training_hash(data.training),
            sample=choose_sample(data.test, surrogate.window.history + 1),
            versions={"cape-jax": cape.__version__, "jax": jax.__version__, "flax": flax.__version__},
            lineage=surrogate.lineage,
        )

    @property
    def steps(self) -> int:
        """Length of the longest rollout of the training, in predicted frames."""
        return self.experiment.model.window.predicted(self.problem.steps + 1, self.problem.equation)


def _portable(config: DataConfig, files: tuple[str, ...]) -> DataConfig:
    """Name files without their folders on this machine."""
    folder = "data" if Path(config.folder).is_absolute() else config.folder
    return dataclasses.replace(config, files=files, folder=folder)
