"""Samples that hold NaN or infinity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float


class NotFinite(ValueError):
    """Samples hold NaN or infinity.

    Attributes:
        found: their positions in each file, by the file's name.
        samples: how many samples were read.
    """

    def __init__(self, found: Mapping[str, Sequence[int]], samples: int):
        self.found = {name: sorted(set(positions)) for name, positions in found.items()}
        self.samples = samples
        counts = "; ".join(
            f"{name}: {len(positions)} sample(s) with NaN or infinity (number {_first_of(positions)})"
            for name, positions in self.found.items()
        )
        super().__init__(
            f"{counts}; expected finite values in all of the {samples} samples read. Repair the file, or leave these "
            "samples out with `data.drop_nonfinite = true` (in Python: `trajectories.drop_nonfinite()`)"
        )

    @classmethod
    def joined(cls, errors: Sequence[NotFinite], samples: int) -> NotFinite:
        """Return one error for all of several."""
        names = dict.fromkeys(name for error in errors for name in error.found)
        return cls({name: [i for e in errors for i in e.found.get(name, ())] for name in names}, samples)


def finite_samples(u: Float[np.ndarray, "sample time *space channel"]) -> np.ndarray:
    """Return a mask [sample] of the samples without NaN and infinity."""
    return np.isfinite(u).all(axis=tuple(range(1, u.ndim)))


def _first_of(positions: Sequence[int]) -> str:
    return ", ".join(map(str, positions[:5])) + (", ..." if len(positions) > 5 else "")
