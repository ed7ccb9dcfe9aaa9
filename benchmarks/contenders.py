"""The models and trainings that the tables of generalisation.py compare, as data.

Each function returns the experiments of one table by name. A budget is a value of `BUDGETS` in budgets.py.
"""

import dataclasses

from budgets import Budget
from sizing import counter, match_size

from cape.data import DataConfig
from cape.datasets.augmentation import Augmentation
from cape.experiment import Experiment
from cape.model.conditioning import ConditioningConfig
from cape.model.conditionings.adagn import AdaGNConfig
from cape.model.conditionings.cape import CAPEConfig
from cape.model.conditionings.channels import ParameterChannelsConfig
from cape.model.conditionings.film import FiLMConfig
from cape.model.conditionings.unconditioned import UnconditionedConfig
from cape.model.config import ModelConfig
from cape.model.embedding import EMBEDDINGS
from cape.paper.adam import PaperAdam
from cape.paper.cape import PaperCAPEConfig
from cape.paper.channels import PaperChannelsConfig
from cape.paper.fno import PaperFNOConfig
from cape.paper.unconditioned import PaperUnconditionedConfig
from cape.problem import Problem
from cape.solvers.convnext_unet import ConvNextUNetConfig
from cape.solvers.factorised_fno import FactorisedFNOConfig
from cape.solvers.fno import FNOConfig
from cape.solvers.message_passing import MessagePassingConfig
from cape.solvers.unet import UNetConfig
from cape.training.automatic import AUTOMATIC_MODEL
from cape.training.config import TrainingConfig
from cape.training.curriculum import (
    Autoregressive,
    LinearTransition,
    Pushforward,
    TanhTransition,
    TeacherForcing,
)
from cape.training.objective import Objective
from cape.training.optimisers import AdamW
from cape.training.sampling import Cyclical, Ordered, Sampling, Weighted

OTHERS = {"FiLM": FiLMConfig(), "AdaGN": AdaGNConfig(), "channels": ParameterChannelsConfig()}


def paper_training(budget: Budget) -> TrainingConfig:
    """Return the published training for a budget: Adam halved five times, a short warm-up, no symmetries."""
    adam = PaperAdam(halve_every=budget.epochs // 5)
    return TrainingConfig(
        epochs=budget.epochs,
        batch=budget.batch,
        warmup_epochs=max(budget.epochs // 30, 1),
        warmup=adam,
        optimiser=adam,
        objective=Objective(auxiliary=5.7e-5, auxiliary_accumulates=True, noise=1e-3, floor=0.0),
        curriculum=TanhTransition(),
    )


def default(budget: Budget) -> tuple[ModelConfig, TrainingConfig]:
    """Return our default model and training for a budget."""
    training = TrainingConfig(
        epochs=budget.epochs,
        batch=budget.batch,
        warmup_epochs=budget.warmup,
        augmentation=budget.augmentation,
    )
    heads = CAPEConfig(heads=budget.heads, max_displacement=0.0)
    return dataclasses.replace(AUTOMATIC_MODEL, conditioning=heads), training


def without_equation(budget: Budget) -> tuple[ModelConfig, TrainingConfig]:
    """Return the default without an identified equation: heads that start with displacements carry the parameters."""
    model, training = default(budget)
    heads = CAPEConfig(heads=budget.heads, max_displacement=1.0)
    return dataclasses.replace(model, conditioning=heads, normalisation="sample", identify=False), training


def other(cape: ModelConfig, conditioning: ConditioningConfig) -> ModelConfig:
    """Replace CAPE by another conditioning, and normalise by channel. No equation is identified.

    The other conditionings are worse when frames are normalised by sample (see `ablations`).
    """
    return dataclasses.replace(cape, conditioning=conditioning, normalisation="channel", identify=False)


def conditionings(budget: Budget, problem: Problem) -> dict[str, Experiment]:
    """Compare conditionings around one base solver, with equal numbers of weights and the same training."""
    count = counter(problem)
    identified, training = default(budget)
    cape, _ = without_equation(budget)
    models = {"CAPE (default)": identified, "CAPE, no equation": cape}
    models["CAPE, no equation, 3 substeps"] = dataclasses.replace(cape, substeps=3)
    for name, conditioning in (OTHERS | {"none": UnconditionedConfig()}).items():
        models[name] = match_size(other(cape, conditioning), count(cape), count)
    return {name: Experiment(DataConfig(), model, training) for name, model in models.items()}


def published(budget: Budget, problem: Problem) -> dict[str, Experiment]:
    """Compare the published forms at the published widths, with the published training."""
    form = {"normalisation": "off", "conserve": False, "identify": False}
    models = {
        "CAPE (paper)": ModelConfig(PaperFNOConfig(width=20), PaperCAPEConfig(), **form),
        "channels (paper)": ModelConfig(PaperFNOConfig(width=36), PaperChannelsConfig(), **form),
        "none (paper)": ModelConfig(PaperFNOConfig(width=36), PaperUnconditionedConfig(), **form),
    }
    training = paper_training(budget)
    return {name: Experiment(DataConfig(), model, training) for name, model in models.items()}


def ablations(budget: Budget, problem: Problem) -> dict[str, Experiment]:
    """Change one part of CAPE without an equation at a time; also normalise by sample with other conditionings."""
    count = counter(problem)
    cape, training = without_equation(budget)
    models = {
        "CAPE, no equation": cape,
        "mean not conserved": dataclasses.replace(cape, conserve=False),
        "normalised by channel": dataclasses.replace(cape, normalisation="channel"),
        "with a local branch": dataclasses.replace(cape, base=FNOConfig(kernel=5)),
        "32 wide": dataclasses.replace(cape, base=FNOConfig(width=32)),
    }
    for substeps in (2, 3, 4):
        models[f"{substeps} substeps"] = dataclasses.replace(cape, substeps=substeps)
    models["2 frames in, 1 out"] = dataclasses.replace(cape, history=2)
    models["2 frames in, 2 out"] = dataclasses.replace(cape, history=2, bundle=2)
    for name in ("FiLM", "channels"):
        by_sample = dataclasses.replace(cape, conditioning=OTHERS[name])
        models[f"{name}, by sample"] = match_size(by_sample, count(cape), count)
    experiments = {name: Experiment(DataConfig(), model, training) for name, model in models.items()}
    plain = dataclasses.replace(training, augmentation=Augmentation())
    experiments["no symmetries"] = Experiment(DataConfig(), cape, plain)
    longer = dataclasses.replace(training, epochs=3 * training.epochs)
    experiments["three times the epochs"] = Experiment(DataConfig(), cape, longer)
    return experiments


def embeddings(budget: Budget, problem: Problem) -> dict[str, Experiment]:
    """Compare the embeddings of a parameter in CAPE's attention and in FiLM, with equal numbers of weights."""
    count = counter(problem)
    cape, training = without_equation(budget)
    experiments = {}
    for way, model in {"CAPE": cape, "FiLM": other(cape, FiLMConfig())}.items():
        for name in EMBEDDINGS:
            conditioning = dataclasses.replace(model.conditioning, embedding=name)
            resized = match_size(dataclasses.replace(model, conditioning=conditioning), count(cape), count)
            experiments[f"{way}, {name}"] = Experiment(DataConfig(), resized, training)
    return experiments


def bases(budget: Budget, problem: Problem) -> dict[str, Experiment]:
    """Compare base solvers under several conditionings, with at most the weights of the default model.

    All are trained with AdamW. Solvers without a spectral branch use half its learning rate, which is better for them
    (6e-3 was tried on all, 3e-3 on these). Messages travel 24 points, about as far as Burgers' fronts move in a step.
    """
    count = counter(problem)
    cape, training = without_equation(budget)
    target = count(cape)
    conditioned = {"CAPE": cape} | {name: other(cape, conditioning) for name, conditioning in OTHERS.items()}
    experiments = {}
    for name, base, optimiser in (
        ("FNO", FNOConfig(), AdamW()),
        ("F-FNO", FactorisedFNOConfig(), AdamW()),
        ("U-Net", UNetConfig(levels=2), AdamW(learning_rate=3e-3)),
        ("ConvNeXt U-Net", ConvNextUNetConfig(levels=2), AdamW(learning_rate=3e-3)),
        ("message passing", MessagePassingConfig(layers=4, radius=6), AdamW(learning_rate=3e-3)),
    ):
        slower = dataclasses.replace(training, optimiser=optimiser)
        for way, model in conditioned.items():
            model = match_size(dataclasses.replace(model, base=base), target, count)
            experiments[f"{name}, {way}"] = Experiment(DataConfig(), model, slower)
    return experiments


def trainings(budget: Budget, problem: Problem) -> dict[str, Experiment]:
    """Train CAPE without an equation, and change one setting of its training at a time."""
    cape, training = without_equation(budget)
    objective = training.objective
    changes: dict[str, dict] = {
        "default": {},
        "teacher forcing": {"curriculum": TeacherForcing()},
        "tanh transition in the middle": {"curriculum": TanhTransition()},
        "autoregressive": {"curriculum": Autoregressive()},
        "pushforward": {"curriculum": Pushforward()},
        "linear transition": {"curriculum": LinearTransition()},
        "gradients through time": {
            "curriculum": TanhTransition(),
            "objective": dataclasses.replace(objective, gradients="through_time"),
        },
        "gradients through two steps": {
            "curriculum": TanhTransition(),
            "objective": dataclasses.replace(objective, gradients="through_time", truncate=2),
        },
        "no noise": {"objective": dataclasses.replace(objective, noise=0.0)},
        "three times the noise": {"objective": dataclasses.replace(objective, noise=3e-2)},
        "no auxiliary loss": {"objective": dataclasses.replace(objective, auxiliary=0.0)},
        "no warm-up": {"warmup_epochs": 0},
        "averaged weights": {"ema": 0.99},
        "AdamW": {"optimiser": AdamW()},
    }
    name = problem.parameters[0]
    orders: dict[str, Sampling] = {
        "easy trajectories first": Ordered(),
        "hard trajectories first": Ordered(descending=True),
        "trajectories in random order": Ordered(by="random"),
        f"largest {name} first": Ordered(by=name, descending=True),
        f"smallest {name} first": Ordered(by=name),
        "cyclical data size": Cyclical(),
        "hard trajectories more often": Weighted(power=0.5),
        "hard trajectories less often": Weighted(power=-0.5),
    }
    changes |= {name: {"sampling": sampling} for name, sampling in orders.items()}
    return {
        name: Experiment(DataConfig(), cape, dataclasses.replace(training, **change))
        for name, change in changes.items()
    }
