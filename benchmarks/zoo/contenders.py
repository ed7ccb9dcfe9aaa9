"""The models that the zoo compares: equal numbers of weights, the same automatic settings, the same training.

The published CAPE keeps the width of its paper, and has more weights than the others: its conditioning alone has more.
"""

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
PAPER = "CAPE (paper)"
_OTHER = dataclasses.replace(AUTOMATIC_MODEL, identify=False)
MODELS = {
    OURS: AUTOMATIC_MODEL,
    "CAPE heads only": _OTHER,
    "FiLM": dataclasses.replace(_OTHER, conditioning=FiLMConfig()),
    "AdaGN": dataclasses.replace(_OTHER, conditioning=AdaGNConfig()),
    "channels": dataclasses.replace(_OTHER, conditioning=ParameterChannelsConfig()),
    PAPER: ModelConfig(PaperFNOConfig(width=20), PaperCAPEConfig(), normalisation="channel", conserve=False),
    "none": dataclasses.replace(_OTHER, conditioning=UnconditionedConfig()),
}


def experiment(contender: str, problem: Problem, seed: int) -> Experiment:
    """Return the experiment of a contender. Its base solver is the largest with at most the weights of ours.

    The published CAPE keeps its width.
    """
    training = dataclasses.replace(AUTOMATIC_TRAINING, seed=seed)
    model = MODELS[contender]
    if contender == PAPER:
        return Experiment(DataConfig(), model, training)
    count = counter(problem)
    ours = dataclasses.replace(AUTOMATIC_MODEL, normalisation="channel")
    sized = match_size(dataclasses.replace(model, normalisation="channel"), count(ours), count)
    model = dataclasses.replace(sized, normalisation=model.normalisation)
    return Experiment(DataConfig(), model, training)
