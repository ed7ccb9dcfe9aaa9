"""The configuration of a training."""

import dataclasses
import math
from typing import Literal

from cape.datasets.augmentation import Augmentation
from cape.training.curriculum import Curriculum, TanhTransition
from cape.training.mesh import MeshConfig
from cape.training.objective import Objective
from cape.training.optimisers import AdamW, Muon, OptimiserConfig
from cape.training.sampling import EveryTrajectory, Sampling


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How a surrogate is trained.

    Attributes:
        epochs: passes over the training data, warm-up included; 0: chosen for the size of the data
            (`automatic_training`).
        batch: trajectories per update; 0: chosen for the size of the data.
        seed: of the initial weights, the order of the batches, the noise, the augmentation and the sampling.
        warmup_epochs: epochs that train only the conditioning's first guess, on the auxiliary loss. Conditionings
            without a first guess skip the warm-up.
        warmup: optimiser of the warm-up.
        objective: what is minimised.
        curriculum: which inputs are the model's own predictions.
        optimiser: how it is minimised.
        member_share: share of a batch that each member of an ensemble (`model.members`) is trained on, drawn for each
            member by itself; the cost of an update is proportional to it. 1: all of the batch.
        sampling: how often each trajectory is drawn. Only samplings that draw every trajectory once an epoch work with
            storage = "stream".
        augmentation: exact images of the trajectories under the equation's symmetries, drawn anew for every batch.
        ema: decay of the exponential moving average of the weights that is validated and kept; 0: no average.
        accumulate: number of equal parts of a batch that are processed one after another, which takes less memory; the
            update is that of the whole batch. Layers with statistics over the batch take those of each part.
        products: "bfloat16" rounds the factors of the network's matrix products in updates to bfloat16 and adds in
            float32. Weights, all other operations, validation and prediction stay in float32. CPUs compute in float32.
        mesh: the devices that share the work.
        validate_every: epochs between two checkpoints, and between two validations after the warm-up.
        storage: "device" keeps all training data in the accelerator's memory; "stream" reads every batch from disk, two
            batches ahead; the log and the progress tell which part of the time is spent waiting for data.
        trackers: tools that also record the training: "tensorboard", "wandb", "mlflow" (extras of these names), or your
            own (see `Tracker`).
        checkpoint_minutes: save a checkpoint inside an epoch after so many minutes without one; 0: only at the ends of
            epochs.
        divergence_retries: how often a training that diverges goes back to its newest checkpoint and continues with
            half the learning rate; 0: it stops.

    Raises:
        ValueError: a number is out of range, or two settings exclude each other.
    """

    epochs: int = 20
    batch: int = 10
    seed: int = 0
    warmup_epochs: int = 1
    warmup: OptimiserConfig = AdamW(learning_rate=3e-2, weight_decay=0.0, rise=0.0, final=0.1)
    objective: Objective = Objective()
    curriculum: Curriculum = TanhTransition(center=0.85, width=0.1)
    optimiser: OptimiserConfig = Muon()
    member_share: float = 0.75
    sampling: Sampling = EveryTrajectory()
    augmentation: Augmentation = Augmentation()
    ema: float = 0.0
    accumulate: int = 1
    products: Literal["float32", "bfloat16"] = "float32"
    mesh: MeshConfig = MeshConfig()
    validate_every: int = 1
    storage: Literal["device", "stream"] = "device"
    trackers: tuple[str, ...] = ()
    checkpoint_minutes: float = 15.0
    divergence_retries: int = 0

    def __post_init__(self):
        for name, least in (("epochs", 0), ("batch", 0), ("validate_every", 1), ("accumulate", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"training.{name}: expected at least {least}, got {getattr(self, name)}")
        for name in ("checkpoint_minutes", "divergence_retries"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"training.{name}: expected a number from 0 on, got {getattr(self, name)}")
        if self.warmup_epochs < 0 or (self.epochs and self.warmup_epochs >= self.epochs):
            raise ValueError(
                f"training.warmup_epochs: expected 0 to {self.epochs - 1} of {self.epochs} epochs, "
                f"got {self.warmup_epochs}"
            )
        if self.curriculum.pushes_forward and self.objective.gradients == "through_time":
            raise ValueError(
                "training.curriculum: pushforward has no backpropagation through time; set "
                'objective.gradients = "stop_gradient"'
            )
        if self.storage == "stream" and not self.sampling.every_once:
            raise ValueError(
                'training.sampling: streamed data are drawn once an epoch; set storage = "device"'
            )
        if not 0 < self.member_share <= 1:
            raise ValueError(f"training.member_share: expected a share in (0, 1], got {self.member_share}")
        if not 0 <= self.ema < 1:
            raise ValueError(f"training.ema: expected a decay in [0, 1), got {self.ema}")
