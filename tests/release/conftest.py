"""A run and the pretrained folder published from it, for the tests of release."""

import pytest

from cape import locate
from cape.data import DataConfig, SimulationConfig, prepare
from cape.evaluation import files
from cape.evaluation.evaluate import evaluate
from cape.experiment import Experiment
from cape.model.conditionings.cape import CAPEConfig
from cape.model.config import ModelConfig
from cape.pretrained import save
from cape.release.publish import publish
from cape.solvers.fno import FNOConfig
from cape.training.build import build
from cape.training.config import TrainingConfig
from cape.training.run_folder import claim


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Folder of a run as `cape train` leaves it, but for the training: the weights are the initial ones."""
    root = tmp_path_factory.mktemp("run")
    simulation = SimulationConfig(
        "advection", ("beta=0.4,1.0,2.0",), samples=10, resolution=16, frames=5, t_end=0.4
    )
    experiment = Experiment(
        data=DataConfig(simulation=simulation, folder=str(root / "data"), held_out=("beta=1.0",)),
        model=ModelConfig(
            FNOConfig(width=4, modes=3, layers=1, projection=4, kernel=3), CAPEConfig(heads=2, width=4)
        ),
        training=TrainingConfig(epochs=2, batch=4),
    )
    data = prepare(experiment.data, progress=False)
    surrogate = build(experiment, data.training)
    claim(experiment, data.training, data.validation, root / "run")
    save(surrogate, root / "run" / "model")
    evaluation = evaluate(surrogate.at, data.test, surrogate.problem.training_values, examples=False)
    files.write(evaluation, root / "run" / "evaluation")
    return root / "run"


@pytest.fixture(scope="module")
def published(run, tmp_path_factory):
    """A pretrained folder, not to be changed."""
    return publish(run, tmp_path_factory.mktemp("pretrained") / "waves", progress=False)


@pytest.fixture
def folder(published, tmp_path):
    """A copy of the pretrained folder, to be spoilt."""
    copy = tmp_path / "waves"
    copy.mkdir()
    for file in published.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


@pytest.fixture
def shelf(published, monkeypatch):
    """The pretrained folder as the only shipped one."""
    monkeypatch.setattr(locate, "shipped", lambda: {"waves": published})
