"""The models that the zoo compares: equal numbers of weights, the same automatic settings, the same training."""

import dataclasses

from sizing import counter, match_size

from cape.data import DataConfig
from cape.experiment import Experiment
from cape.model.conditionings.adagn import AdaGNConfig
from cape.model.conditionings.channels import ParameterChannelsConfig
from cape.model.conditionings.film import FiLMConfig
from cape.model.conditionings.unconditioned import UnconditionedConfig
from cape.model.config import ModelConfig
from cape.paper.cape import PaperCAPEConfig
from cape.paper.fno import PaperFNOConfig
from cape.problem import Problem
from cape.training.config import TrainingConfig

OURS = "ours"
MODELS = {
    OURS: ModelConfig(),
    "CAPE heads only": ModelConfig(identify=False),
    "FiLM": ModelConfig(conditioning=FiLMConfig(), identify=False),
    "AdaGN": ModelConfig(conditioning=AdaGNConfig(), identify=False),
    "channels": ModelConfig(conditioning=ParameterChannelsConfig(), identify=False),
    "CAPE (paper)": ModelConfig(
        PaperFNOConfig(width=20), PaperCAPEConfig(), normalisation="channel", conserve=False, identify=False
    ),
    "none": ModelConfig(conditioning=UnconditionedConfig(), identify=False),
}


def experiment(contender: str, problem: Problem, seed: int) -> Experiment:
    """Return the experiment of a contender. Its base solver is the largest with at most the weights of ours."""
    count = counter(problem)
    ours = dataclasses.replace(ModelConfig(), normalisation="channel")
    model = MODELS[contender]
    sized = match_size(dataclasses.replace(model, normalisation="channel"), count(ours), count)
    model = dataclasses.replace(sized, normalisation=model.normalisation)
    return Experiment(DataConfig(), model, TrainingConfig(seed=seed))
