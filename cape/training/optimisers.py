"""Optimisers as data: frozen dataclasses that build optax transformations."""

import dataclasses
import math
from typing import Any

import jax
import optax
import optax.contrib


@dataclasses.dataclass(frozen=True)
class AdamW:
    """AdamW with a linear rise and a cosine decay of the learning rate, and clipping by global norm.

    Attributes:
        learning_rate: the peak.
        weight_decay: decoupled, times the learning rate.
        rise: fraction of the updates spent rising from a tenth of the peak.
        final: last learning rate over the peak.
        clip: largest global norm of a gradient; 0 for none.
        b2: decay of the second moment.
    """

    learning_rate: float = 6e-3
    weight_decay: float = 1e-4
    rise: float = 0.1
    final: float = 0.01
    clip: float = 1.0
    b2: float = 0.99

    def schedule(self, updates: int, updates_per_epoch: int) -> optax.Schedule:
        rise = max(round(self.rise * updates), 1)
        return optax.warmup_cosine_decay_schedule(
            0.1 * self.learning_rate,
            self.learning_rate,
            rise,
            max(updates, rise + 1),
            self.final * self.learning_rate,
        )

    def build(self, updates: int, updates_per_epoch: int) -> optax.GradientTransformation:
        adamw = optax.adamw(
            self.schedule(updates, updates_per_epoch), b2=self.b2, weight_decay=self.weight_decay
        )
        return optax.chain(optax.clip_by_global_norm(self.clip or math.inf), adamw)


@dataclasses.dataclass(frozen=True)
class PaperAdam:
    """Adam with coupled L2 weight decay (added to the gradient), halved every few epochs, as published."""

    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    halve_every: int = 20

    def schedule(self, updates: int, updates_per_epoch: int) -> optax.Schedule:
        return optax.exponential_decay(
            self.learning_rate, self.halve_every * updates_per_epoch, decay_rate=0.5, staircase=True
        )

    def build(self, updates: int, updates_per_epoch: int) -> optax.GradientTransformation:
        return optax.chain(
            optax.add_decayed_weights(self.weight_decay),
            optax.scale_by_adam(),
            optax.scale_by_learning_rate(self.schedule(updates, updates_per_epoch)),
        )


@dataclasses.dataclass(frozen=True)
class Muon:
    """Muon on the matrices of the model and AdamW on the rest, with one learning rate that rises and decays.

    A step of a matrix is its momentum with all singular values made equal, given the root mean square of a
    step of Adam, 0.2 learning rates. The matrices are the maps between channels: of pointwise layers, and of
    each Fourier mode the real and the imaginary part. The conditioning's own guess and depthwise kernels are
    none. Attributes as in `AdamW`.

    Source: Jordan et al., 2024, kellerjordan.github.io/posts/muon; the scale: Liu et al., arXiv 2502.16982.
    """

    learning_rate: float = 1.5e-2
    weight_decay: float = 1e-4
    rise: float = 0.1
    final: float = 0.01
    clip: float = 1.0
    b2: float = 0.99

    def build(self, updates: int, updates_per_epoch: int) -> optax.GradientTransformation:
        like = AdamW(self.learning_rate, rise=self.rise, final=self.final)
        muon = optax.contrib.muon(
            like.schedule(updates, updates_per_epoch),
            weight_decay=self.weight_decay,
            adam_b2=self.b2,
            adam_weight_decay=self.weight_decay,
            muon_weight_dimension_numbers=matrices,
            consistent_rms=0.2,
        )
        return optax.chain(optax.clip_by_global_norm(self.clip or math.inf), muon)


def matrices(params: Any) -> Any:
    """Say of every weight of a model which axes make it a matrix, the last two; None for all that is none."""

    def axes(path, weight) -> optax.contrib.MuonDimensionNumbers | None:
        names = {str(getattr(part, "key", part)) for part in path}
        if names & {"block", "local", "depthwise"} or weight.ndim < 2 or min(weight.shape[-2:]) < 2:
            return None
        return optax.contrib.MuonDimensionNumbers(weight.ndim - 2, weight.ndim - 1)

    return jax.tree_util.tree_map_with_path(axes, params)


Optimiser = AdamW | PaperAdam | Muon
