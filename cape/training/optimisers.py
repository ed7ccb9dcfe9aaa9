"""Optimisers: frozen dataclasses of settings that build optax transformations."""

import abc
import dataclasses
from typing import Any

import jax
import numpy as np
import optax
import optax.contrib

from cape.registry import Registry
from cape.training.packing import clipped_by_global_norm, is_matrix, packed

# Coefficients of Newton and Schulz in the source of Muon. Plain numbers would become float64 in JAX's 64-bit mode.
_NEWTON_SCHULZ = (np.float32(3.4445), np.float32(-4.7750), np.float32(2.0315))
_ITERATIONS = 5  # of Newton and Schulz

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
            elementwise: paths of the weights that are not maps between channels, and of the weights of the first guess.
        """


OPTIMISERS: Registry[type[OptimiserConfig]] = Registry(
    "optimiser", OptimiserConfig, ["cape.training.optimisers", "cape.paper"]
)


@dataclasses.dataclass(frozen=True)
class ScheduledOptimiser(OptimiserConfig):
    """An optimiser with a linear rise and a cosine decay of the learning rate, and clipping by the global norm.

    Attributes:
        learning_rate: the peak.
        weight_decay: decoupled, multiplied by the learning rate.
        rise: fraction of the updates in which the learning rate rises from a tenth of the peak.
        final: last learning rate divided by the peak.
        clip: largest global norm of a gradient; 0: no clipping.
        b2: decay of the second moment of Adam.
    """

    learning_rate: float = 6e-3
    weight_decay: float = 1e-4
    rise: float = 0.1
    final: float = 0.01
    clip: float = 1.0
    b2: float = 0.99

    @abc.abstractmethod
    def unclipped(
        self, learning_rate: optax.Schedule, elementwise: frozenset[WeightPath]
    ) -> optax.GradientTransformation:
        """Build the optimiser without clipping."""

    def build(
        self, updates: int, updates_per_epoch: int, elementwise: frozenset[WeightPath] = frozenset()
    ) -> optax.GradientTransformation:
        rising = max(round(self.rise * updates), 1)
        schedule = optax.warmup_cosine_decay_schedule(
            0.1 * self.learning_rate,
            self.learning_rate,
            rising,
            max(updates, rising + 1),
            self.final * self.learning_rate,
        )
        clip = clipped_by_global_norm(self.clip) if self.clip else optax.identity()
        return optax.chain(clip, self.unclipped(schedule, elementwise))


@OPTIMISERS.register("adamw")
@dataclasses.dataclass(frozen=True)
class AdamW(ScheduledOptimiser):
    """AdamW, see `ScheduledOptimiser` for the settings."""

    def unclipped(
        self, learning_rate: optax.Schedule, elementwise: frozenset[WeightPath]
    ) -> optax.GradientTransformation:
        return packed(optax.adamw(learning_rate, b2=self.b2, weight_decay=self.weight_decay))


@OPTIMISERS.register("muon")
@dataclasses.dataclass(frozen=True)
class Muon(ScheduledOptimiser):
    """Muon for the matrices of the model and AdamW for all other weights, see `ScheduledOptimiser` for the settings.

    An update of a matrix is its momentum with all singular values made equal, scaled to the root mean square of an
    update of Adam, 0.2 learning rates. The matrices are the maps between channels: the weights of pointwise layers and
    convolutions, and the real and imaginary part for each Fourier mode. `elementwise` weights are not matrices.

    Source: Jordan et al., 2024, kellerjordan.github.io/posts/muon; the scale: Liu et al., arXiv 2502.16982.
    """

    learning_rate: float = 1.5e-2

    def unclipped(
        self, learning_rate: optax.Schedule, elementwise: frozenset[WeightPath]
    ) -> optax.GradientTransformation:
        axes = optax.contrib.MuonDimensionNumbers(1, 2)
        inner = optax.contrib.muon(
            learning_rate,
            ns_coeffs=(_NEWTON_SCHULZ,)
            * _ITERATIONS,  # one for each iteration: a loop, and no unrolled iterations
            ns_steps=_ITERATIONS,
            weight_decay=self.weight_decay,
            adam_b2=self.b2,
            adam_weight_decay=self.weight_decay,
            muon_weight_dimension_numbers=lambda groups: {n: axes if is_matrix(n) else None for n in groups},
            consistent_rms=0.2,
        )
        return packed(inner, lambda params: matrices(params, elementwise))


def matrices(params: Any, elementwise: frozenset[WeightPath] = frozenset()) -> Any:
    """Return the axes that make each weight a matrix, the last two, or None if the weight is not a matrix."""

    def axes(path, weight) -> optax.contrib.MuonDimensionNumbers | None:
        names = tuple(str(getattr(part, "key", part)) for part in path)
        if names in elementwise or weight.ndim < 2 or min(weight.shape[-2:]) < 2:
            return None
        return optax.contrib.MuonDimensionNumbers(weight.ndim - 2, weight.ndim - 1)

    return jax.tree_util.tree_map_with_path(axes, params)
