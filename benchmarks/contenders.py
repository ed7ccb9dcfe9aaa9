"""What the tables of generalisation.py compare: models and trainings as data, under one budget each."""

import dataclasses
from collections.abc import Callable

from flax import nnx

from cape.datasets.symmetries import Augmentation
from cape.experiment import DataConfig, Experiment
from cape.model.config import (
    FNO,
    AdaGroupNorm,
    Cape,
    Channels,
    Conditioning,
    ConvNextUNet,
    FactorisedFNO,
    Film,
    MessagePassing,
    ModelConfig,
    PaperCape,
    PaperFNO,
    Unaware,
    UNet,
    match_size,
)
from cape.model.embedding import EMBEDDINGS
from cape.problem import Problem
from cape.surrogate import Surrogate, count_parameters
from cape.training.curriculum import (
    Autoregressive,
    LinearTransition,
    Pushforward,
    TanhTransition,
    TeacherForcing,
)
from cape.training.fit import TrainingConfig
from cape.training.objective import Objective
from cape.training.optimisers import AdamW, PaperAdam
from cape.training.sampling import Cyclical, Ordered, Sampling, Weighted


def paper_training(budget: dict) -> TrainingConfig:
    """Make the published training: Adam halved five times, one warm-up epoch in twenty, no symmetries."""
    adam = PaperAdam(halve_every=budget["epochs"] // 5)
    return TrainingConfig(
        epochs=budget["epochs"],
        batch=budget["batch"],
        warmup_epochs=max(budget["epochs"] // 30, 1),
        warmup=adam,
        optimiser=adam,
        objective=Objective(auxiliary=5.7e-5, auxiliary_accumulates=True, noise=1e-3, floor=0.0),
        curriculum=TanhTransition(),
    )


def counter(problem: Problem) -> Callable[[ModelConfig], int]:
    """Make the function that counts the trained numbers of a model of the problem, without building it."""
    return lambda model: count_parameters(nnx.eval_shape(lambda: Surrogate(problem, model, rngs=nnx.Rngs(0))))


def default(budget: dict) -> tuple[ModelConfig, TrainingConfig]:
    """Make our default model and training for a budget."""
    training = TrainingConfig(
        epochs=budget["epochs"],
        batch=budget["batch"],
        warmup_epochs=budget["warmup"],
        augmentation=budget["augmentation"],
    )
    return ModelConfig(FNO(), Cape(heads=budget["heads"])), training


OTHERS = {"FiLM": Film(), "AdaGN": AdaGroupNorm(), "channels": Channels()}


def other(cape: ModelConfig, conditioning: Conditioning) -> ModelConfig:
    """Put another conditioning into the place of CAPE, with the statistics of all the training data.

    On frames normalised by themselves they are worse (see `ablations`): they would have to tabulate what a mean does.
    """
    return dataclasses.replace(cape, conditioning=conditioning, normalise="channel")


def conditionings(budget: dict, problem: Problem) -> dict[str, Experiment]:
    """List conditionings around one base at equal parameter count, under one training."""
    count = counter(problem)
    cape, training = default(budget)
    models = {"CAPE (default)": cape, "CAPE, 3 substeps": dataclasses.replace(cape, substeps=3)}
    for name, conditioning in (OTHERS | {"none": Unaware()}).items():
        models[name] = match_size(other(cape, conditioning), count(cape), count)
    return {name: Experiment(DataConfig(), model, training) for name, model in models.items()}


def published(budget: dict, problem: Problem) -> dict[str, Experiment]:
    """List the published forms at the published widths, under the published training."""
    form = {"normalise": "off", "conserve": False}
    models = {
        "CAPE (paper)": ModelConfig(PaperFNO(width=20), PaperCape(), **form),
        "channels (paper)": ModelConfig(PaperFNO(width=36), Channels(residual=False), **form),
        "none (paper)": ModelConfig(PaperFNO(width=36), Unaware(residual=False), **form),
    }
    training = paper_training(budget)
    return {name: Experiment(DataConfig(), model, training) for name, model in models.items()}


def ablations(budget: dict, problem: Problem) -> dict[str, Experiment]:
    """List the default without one of its parts each, and frames normalised by themselves for other conditionings."""
    count = counter(problem)
    cape, training = default(budget)
    models = {
        "CAPE (default)": cape,
        "mean not conserved": dataclasses.replace(cape, conserve=False),
        "normalised by channel": dataclasses.replace(cape, normalise="channel"),
        "with a local branch": dataclasses.replace(cape, base=FNO(kernel=5)),
        "32 wide": dataclasses.replace(cape, base=FNO(width=32)),
    }
    for substeps in (2, 3, 4):
        models[f"{substeps} substeps"] = dataclasses.replace(cape, substeps=substeps)
    models["2 frames in, 1 out"] = dataclasses.replace(cape, history=2)
    models["2 frames in, 2 out"] = dataclasses.replace(cape, history=2, bundle=2)
    for name, conditioning in {"FiLM, by sample": Film(), "channels, by sample": Channels()}.items():
        models[name] = match_size(dataclasses.replace(cape, conditioning=conditioning), count(cape), count)
    experiments = {name: Experiment(DataConfig(), model, training) for name, model in models.items()}
    plain = dataclasses.replace(training, augmentation=Augmentation())
    experiments["no symmetries"] = Experiment(DataConfig(), cape, plain)
    longer = dataclasses.replace(training, epochs=3 * training.epochs)
    experiments["three times the epochs"] = Experiment(DataConfig(), cape, longer)
    return experiments


def embeddings(budget: dict, problem: Problem) -> dict[str, Experiment]:
    """List what the attention of CAPE and FiLM may be told of a parameter, at equal parameter count."""
    count = counter(problem)
    cape, training = default(budget)
    experiments = {}
    for way, model in {"CAPE": cape, "FiLM": other(cape, Film())}.items():
        for name in EMBEDDINGS:
            conditioning = dataclasses.replace(model.conditioning, embedding=name)
            told = match_size(dataclasses.replace(model, conditioning=conditioning), count(cape), count)
            experiments[f"{way}, {name}"] = Experiment(DataConfig(), told, training)
    return experiments


def bases(budget: dict, problem: Problem) -> dict[str, Experiment]:
    """List base solvers under CAPE and under other conditionings, as large as the default one, with its training.

    Those without a spectral branch learn at half the rate, which is better for them (6e-3 was tried on all, 3e-3 on
    these); messages reach 24 points, about as far as Burgers' fronts move in a step.
    """
    count = counter(problem)
    cape, training = default(budget)
    target = count(cape)
    conditioned = {"CAPE": cape} | {name: other(cape, conditioning) for name, conditioning in OTHERS.items()}
    experiments = {}
    for name, base, optimiser in (
        ("FNO", FNO(), AdamW()),
        ("F-FNO", FactorisedFNO(), AdamW()),
        ("U-Net", UNet(levels=2), AdamW(learning_rate=3e-3)),
        ("ConvNeXt U-Net", ConvNextUNet(levels=2), AdamW(learning_rate=3e-3)),
        ("message passing", MessagePassing(layers=4, radius=6), AdamW(learning_rate=3e-3)),
    ):
        slower = dataclasses.replace(training, optimiser=optimiser)
        for way, model in conditioned.items():
            model = match_size(dataclasses.replace(model, base=base), target, count)
            experiments[f"{name}, {way}"] = Experiment(DataConfig(), model, slower)
    return experiments


def trainings(budget: dict, problem: Problem) -> dict[str, Experiment]:
    """List trainings of the default model that differ from the default one in one thing each."""
    cape, training = default(budget)
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
