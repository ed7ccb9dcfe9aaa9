"""The phases of a training: a warm-up of the first guess, then the training of all weights."""

from typing import NamedTuple

from jax.sharding import Mesh

from cape.datasets.batches import steps_per_epoch
from cape.surrogate import Surrogate
from cape.training.config import TrainingConfig
from cape.training.functional_model import EquationStep, FunctionalModel, split
from cape.training.mesh import AXIS
from cape.training.space import mesh_for
from cape.training.update import UpdateSettings, elementwise_weights

# names of JAX; None leaves the precision to its settings
_PRODUCTS = {"float32": None, "bfloat16": "BF16_BF16_F32"}


class Phases(NamedTuple):
    """The warm-up and the training after it.

    Attributes:
        warm_up, training: settings of the updates in each phase.
        warmup_epochs: epochs of the warm-up; 0 for a conditioning without a first guess.
        epochs: epochs of both together.
        updates_per_epoch: number of updates in an epoch.
    """

    warm_up: UpdateSettings
    training: UpdateSettings
    warmup_epochs: int
    epochs: int
    updates_per_epoch: int

    @property
    def updates(self) -> int:
        """Number of updates of both phases together."""
        return self.epochs * self.updates_per_epoch

    @property
    def mesh(self) -> Mesh | None:
        """The devices of both phases; None for one device."""
        return self.training.model.mesh

    def slowed(self, factor: float) -> "Phases":
        """Return the phases with a factor on both learning rates."""
        warm_up, training = (each._replace(slowdown=factor) for each in (self.warm_up, self.training))
        return self._replace(warm_up=warm_up, training=training)

    def warming(self, epoch: int) -> bool:
        return epoch < self.warmup_epochs

    def name(self, epoch: int) -> str:
        """Return the name of the phase that an epoch, counted from 0, belongs to."""
        return "warm-up" if self.warming(epoch) else "training"

    def describe(self, update: int) -> str:
        """Describe an update, counted from 1, for messages: its number, its epoch from 1, and its phase."""
        epoch = (update - 1) // self.updates_per_epoch
        return f"update {update} (epoch {epoch + 1}, {self.name(epoch)})"

    def progress(self, epoch: int) -> float:
        """Return the progress in [0, 1) that curricula and samplings take; 0 during the warm-up."""
        return max((epoch - self.warmup_epochs) / (self.epochs - self.warmup_epochs), 0.0)


def plan_phases(surrogate: Surrogate, config: TrainingConfig, samples: int) -> Phases:
    """Return the phases of a training on `samples` trajectories.

    Raises:
        ValueError: the devices that are asked for cannot share a batch (see `make_mesh`), or a part of it, or an
            ensemble is to be trained on parts of a batch.
    """
    mesh = mesh_for(surrogate, config)
    if surrogate.members > 1 and config.accumulate > 1:
        raise ValueError(
            "training.accumulate: expected 1 for an ensemble (`model.members`); reduce training.batch"
        )
    devices = 1 if mesh is None else mesh.shape[AXIS]
    if config.batch % (config.accumulate * devices):
        raise ValueError(
            f"training.accumulate: expected a divisor of {config.batch // devices}, the trajectories of a batch on a "
            f"device, got {config.accumulate}"
        )
    per_epoch = steps_per_epoch(samples, config.batch)
    first_guess = surrogate.conditioning.first_guess_modules
    warmup_epochs = config.warmup_epochs if first_guess else 0
    surrogate.train()
    graphdef, _, _ = split(surrogate.member(0))
    surrogate.eval()
    equation = None
    if surrogate.equation is not None and surrogate.adaptation is None:  # an adaptation does the whole step
        equation = EquationStep(surrogate.equation, surrogate.problem)
    training = UpdateSettings(
        model=FunctionalModel(graphdef, surrogate.new_channels, mesh, surrogate.members, equation),
        objective=config.objective,
        optimiser=config.optimiser,
        updates=(config.epochs - warmup_epochs) * per_epoch,
        updates_per_epoch=per_epoch,
        seed=config.seed,
        member_share=config.member_share,
        ema=config.ema,
        first_guess=first_guess,
        elementwise=elementwise_weights(surrogate),
        divide_weights=config.mesh.weights == "divided",
        accumulate=config.accumulate,
        products=_PRODUCTS[config.products],
    )
    warm_up = training._replace(optimiser=config.warmup, updates=max(warmup_epochs, 1) * per_epoch)
    return Phases(warm_up, training, warmup_epochs, config.epochs, per_epoch)
