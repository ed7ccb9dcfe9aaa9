"""The published optimiser."""

import dataclasses

import optax

from cape.training.optimisers import OPTIMISERS, OptimiserConfig, WeightPath


@OPTIMISERS.register("paper-adam")
@dataclasses.dataclass(frozen=True)
class PaperAdam(OptimiserConfig):
    """Adam with coupled L2 weight decay (added to the gradient) and a learning rate halved every few epochs.

    Attributes:
        learning_rate: the first learning rate.
        weight_decay: factor of the weights that is added to the gradient.
        halve_every: epochs between two halvings of the learning rate.
    """

    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    halve_every: int = 20

    def build(
        self, updates: int, updates_per_epoch: int, elementwise: frozenset[WeightPath] = frozenset()
    ) -> optax.GradientTransformation:
        halving = self.halve_every * updates_per_epoch
        schedule = optax.exponential_decay(self.learning_rate, halving, decay_rate=0.5, staircase=True)
        return optax.chain(
            optax.add_decayed_weights(self.weight_decay),
            optax.scale_by_adam(),
            optax.scale_by_learning_rate(schedule),
        )
