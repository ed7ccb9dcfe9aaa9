"""The weights that a training keeps: the latest ones that are no worse than the best (`validation.no_worse`)."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from cape.training.validation import no_worse


class BestWeights:
    """Keep the latest weights whose validation error is within the noise of the lowest error (see `no_worse`).

    Attributes:
        arrays: "errors", the lowest validation errors [trajectory] so far, and "params" and "model_state", the weights
            kept; all as numpy arrays, for checkpoints.

    Args:
        params, model_state: the initial weights.
        samples: number of validation trajectories.
    """

    def __init__(self, params: Any, model_state: Any, samples: int):
        unknown = np.full(samples, np.inf, np.float32)
        self.arrays = _copy({"errors": unknown, "params": params, "model_state": model_state})

    def restore(self, arrays: dict[str, Any]) -> None:
        """Take over the arrays of a checkpoint."""
        self.arrays = _copy(arrays)

    @property
    def lowest_error(self) -> float:
        """The lowest mean validation error so far; infinity before the first validation."""
        return float(self.arrays["errors"].mean())

    def offer(self, errors: Float[np.ndarray, " trajectory"], params: Any, model_state: Any) -> bool:
        """Keep these weights if they are no worse than the best so far, and return whether they are kept.

        Weights whose validation errors are not finite are never kept.
        """
        lowest = min(self.arrays["errors"], errors, key=lambda each: np.nan_to_num(each.mean(), nan=np.inf))
        keep = no_worse(errors, lowest)
        self.arrays["errors"] = lowest
        if keep:  # copies, because the next update donates these arrays
            self.arrays = _copy({"errors": lowest, "params": params, "model_state": model_state})
        return keep


class BestOfMembers:
    """Keep the best weights of each member of an ensemble, whose arrays have a first axis [member] (`BestWeights`)."""

    def __init__(self, params: Any, model_state: Any, samples: int, members: int):
        self._each = [
            BestWeights(_of_member(params, index), _of_member(model_state, index), samples)
            for index in range(members)
        ]

    @property
    def arrays(self) -> dict[str, Any]:
        """Those of `BestWeights` of all members, "errors" [member, trajectory]."""
        return jax.tree.map(lambda *each: np.stack(each), *(best.arrays for best in self._each))

    def restore(self, arrays: dict[str, Any]) -> None:
        """Take over the arrays of a checkpoint."""
        for index, best in enumerate(self._each):
            best.restore(_of_member(arrays, index))

    @property
    def lowest_error(self) -> float:
        """The mean over members of the lowest errors; infinity until each was validated with finite errors."""
        return float(np.mean([best.lowest_error for best in self._each]))

    def offer(self, errors: Float[np.ndarray, "member trajectory"], params: Any, model_state: Any) -> bool:
        """Keep the weights of each member that are no worse than its best, and return whether any are kept."""
        arrays = jax.tree.map(np.asarray, (params, model_state))
        kept = [
            best.offer(errors[index], *_of_member(arrays, index)) for index, best in enumerate(self._each)
        ]
        return any(kept)


def best_weights(params: Any, model_state: Any, samples: int, members: int) -> BestWeights | BestOfMembers:
    """Return the record of the best weights of a training: of one model, or of each member of an ensemble."""
    if members > 1:
        return BestOfMembers(params, model_state, samples, members)
    return BestWeights(params, model_state, samples)


def _of_member(arrays: Any, index: int) -> Any:
    return jax.tree.map(lambda array: array[index], arrays)


def _copy(arrays: Any) -> Any:
    return jax.tree.map(np.array, arrays)
