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


def _copy(arrays: Any) -> Any:
    return jax.tree.map(np.array, arrays)
