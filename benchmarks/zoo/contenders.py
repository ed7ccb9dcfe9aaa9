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
from cape.training.automatic import AUTOMATIC_MODEL, AUTOMATIC_TRAINING

OURS = "ours"
_OTHER = dataclasses.replace(AUTOMATIC_MODEL, identify=False)
MODELS = {
    OURS: AUTOMATIC_MODEL,
    "CAPE heads only": _OTHER,
    "FiLM": dataclasses.replace(_OTHER, conditioning=FiLMConfig()),
    "AdaGN": dataclasses.replace(_OTHER, conditioning=AdaGNConfig()),
    "channels": dataclasses.replace(_OTHER, conditioning=ParameterChannelsConfig()),
    "CAPE (paper)": ModelConfig(
        PaperFNOConfig(width=20), PaperCAPEConfig(), normalisation="channel", conserve=False
    ),
    "none": dataclasses.replace(_OTHER, conditioning=UnconditionedConfig()),
}


def experiment(contender: str, problem: Problem, seed: int) -> Experiment:
    """Return the experiment of a contender. Its base solver is the largest with at most the weights of ours."""
    count = counter(problem)
    ours = dataclasses.replace(AUTOMATIC_MODEL, normalisation="channel")
    model = MODELS[contender]
    sized = match_size(dataclasses.replace(model, normalisation="channel"), count(ours), count)
    model = dataclasses.replace(sized, normalisation=model.normalisation)
    return Experiment(DataConfig(), model, dataclasses.replace(AUTOMATIC_TRAINING, seed=seed))
