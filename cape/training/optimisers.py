"""Optimisers: frozen dataclasses of settings that build optax transformations."""

import abc
import dataclasses
import math
from typing import Any

import jax
import optax
import optax.contrib

from cape.registry import Registry

WeightPath = tuple[str, ...]  # such as ("conditioning", "base", "lift", "weight")


class OptimiserConfig(abc.ABC):
    """The settings of an optimiser: a frozen dataclass that builds it."""

    @abc.abstractmethod
    def build(
        self, updates: int, updates_per_epoch: int, elementwise: frozenset[WeightPath] = frozenset()
    ) -> optax.GradientTransformation:
        """Build the optimiser.

        Args:
            updates: number of updates of the training, the length of a schedule.
            updates_per_epoch: number of updates in an epoch.
            elementwise: paths of the weights that are not maps between channels.
        """


OPTIMISERS: Registry[type[OptimiserConfig]] = Registry(
    "optimiser", OptimiserConfig, ["cape.training.optimisers", "cape.paper"]
)


@OPTIMISERS.register("adamw")
@dataclasses.dataclass(frozen=True)
class AdamW(OptimiserConfig):
    """AdamW with a linear rise and a cosine decay of the learning rate, and clipping by the global norm.

    Attributes:
        learning_rate: the peak.
        weight_decay: decoupled, multiplied by the learning rate.
        rise: fraction of the updates in which the learning rate rises from a tenth of the peak.
        final: last learning rate divided by the peak.
        clip: largest global norm of a gradient; 0: no clipping.
        b2: decay of the second moment.
    """

    learning_rate: float = 6e-3
    weight_decay: float = 1e-4
    rise: float = 0.1
    final: float = 0.01
    clip: float = 1.0
    b2: float = 0.99

    def build(
        self, updates: int, updates_per_epoch: int, elementwise: frozenset[WeightPath] = frozenset()
    ) -> optax.GradientTransformation:
        schedule = rise_and_decay(self.learning_rate, self.rise, self.final, updates)
        adamw = optax.adamw(schedule, b2=self.b2, weight_decay=self.weight_decay)
        return optax.chain(optax.clip_by_global_norm(self.clip or math.inf), adamw)


@OPTIMISERS.register("muon")
@dataclasses.dataclass(frozen=True)
class Muon(OptimiserConfig):
    """Muon for the matrices of the model and AdamW for all other weights, with one learning rate.

    An update of a matrix is its momentum with all singular values made equal, scaled to the root mean square of an
    update of Adam, 0.2 learning rates. The matrices are the maps between channels: the weights of pointwise layers and
    convolutions, and the real and imaginary part for each Fourier mode. `elementwise` weights are not matrices.

    Attributes:
        learning_rate, weight_decay, rise, final, clip, b2: see `AdamW`.

    Source: Jordan et al., 2024, kellerjordan.github.io/posts/muon; the scale: Liu et al., arXiv 2502.16982.
    """

    learning_rate: float = 1.5e-2
    weight_decay: float = 1e-4
    rise: float = 0.1
    final: float = 0.01
    clip: float = 1.0
    b2: float = 0.99

    def build(
        self, updates: int, updates_per_epoch: int, elementwise: frozenset[WeightPath] = frozenset()
    ) -> optax.GradientTransformation:
        muon = optax.contrib.muon(
            rise_and_decay(self.learning_rate, self.rise, self.final, updates),
            weight_decay=self.weight_decay,
            adam_b2=self.b2,
            adam_weight_decay=self.weight_decay,
            muon_weight_dimension_numbers=lambda params: matrices(params, elementwise),
            consistent_rms=0.2,
        )
        return optax.chain(optax.clip_by_global_norm(self.clip or math.inf), muon)


def rise_and_decay(learning_rate: float, rise: float, final: float, updates: int) -> optax.Schedule:
    """Return the schedule of `AdamW`: a linear rise from a tenth of the peak, then a cosine decay."""
    rising = max(round(rise * updates), 1)
    return optax.warmup_cosine_decay_schedule(
        0.1 * learning_rate, learning_rate, rising, max(updates, rising + 1), final * learning_rate
    )


def matrices(params: Any, elementwise: frozenset[WeightPath] = frozenset()) -> Any:
    """Return the axes that make each weight a matrix, the last two, or None if the weight is not a matrix."""

    def axes(path, weight) -> optax.contrib.MuonDimensionNumbers | None:
        names = tuple(str(getattr(part, "key", part)) for part in path)
        if names in elementwise or weight.ndim < 2 or min(weight.shape[-2:]) < 2:
            return None
        return optax.contrib.MuonDimensionNumbers(weight.ndim - 2, weight.ndim - 1)

    return jax.tree_util.tree_map_with_path(axes, params)
