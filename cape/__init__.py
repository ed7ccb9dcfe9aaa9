"""Neural PDE surrogates that obey their parameters.

    data = cape.open("data/*.hdf5")                               # or cape.from_arrays(u, {"Nu": nu}, dx=..., dt=...)
    surrogate = cape.train(data, held_out={"Nu": [0.01]})
    report = cape.evaluate(surrogate, data)                       # errors at trained and at unseen values
    check = cape.check("runs/mine")                               # does the model of a run obey its parameters?
    surrogate = cape.load("burgers1d")                            # a shipped surrogate, a run's folder, or hf://owner/name
    frames = surrogate.rollout(u0, {"Nu": 0.03}, steps=10)        # [batch, steps, *space, channel]
    adapted = cape.adapt("burgers1d", few)                        # to a new regime, from a few trajectories
    found = cape.infer(surrogate, observed)                       # which parameters explain observed frames?

Modules are imported when a name is first used, so `import cape` alone imports neither jax nor flax.
"""

import importlib

TYPE_CHECKING = False  # without `typing`, whose import takes longer than that of this package
if TYPE_CHECKING:
    from cape.adaptation.adapt import adapt
    from cape.checking.check import check
    from cape.datasets.arrays import from_arrays
    from cape.datasets.open_data import open_data as open
    from cape.datasets.trajectories import Trajectories
    from cape.experiment import train_on as train
    from cape.model.config import ModelConfig
    from cape.parameter_inference.infer import infer
    from cape.parameter_inference.inference import Inference
    from cape.pretrained import load
    from cape.problem import Problem
    from cape.report import Report, evaluate
    from cape.surrogate import Surrogate
    from cape.training.config import TrainingConfig

__version__ = "0.2.0"
__all__ = [
    "Inference",
    "ModelConfig",
    "Problem",
    "Report",
    "Surrogate",
    "TrainingConfig",
    "Trajectories",
    "adapt",
    "check",
    "evaluate",
    "from_arrays",
    "infer",
    "load",
    "open",
    "train",
]
_FOUND_IN = {
    "Inference": "cape.parameter_inference.inference:Inference",
    "ModelConfig": "cape.model.config:ModelConfig",
    "Problem": "cape.problem:Problem",
    "Report": "cape.report:Report",
    "Surrogate": "cape.surrogate:Surrogate",
    "TrainingConfig": "cape.training.config:TrainingConfig",
    "Trajectories": "cape.datasets.trajectories:Trajectories",
    "adapt": "cape.adaptation.adapt:adapt",
    "check": "cape.checking.check:check",
    "evaluate": "cape.report:evaluate",
    "from_arrays": "cape.datasets.arrays:from_arrays",
    "infer": "cape.parameter_inference.infer:infer",
    "load": "cape.pretrained:load",
    "open": "cape.datasets.open_data:open_data",
    "train": "cape.experiment:train_on",
}


def __getattr__(name: str) -> object:
    if name not in _FOUND_IN:
        raise AttributeError(f"module 'cape' has no attribute {name!r}; public are {', '.join(__all__)}")
    module, _, attribute = _FOUND_IN[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
