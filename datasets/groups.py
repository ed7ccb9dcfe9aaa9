"""A store for files with one group per sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from cape.datasets.hdf5_files import open_hdf5, stored
from cape.datasets.hdf5_windows import read_window


@dataclass(frozen=True)
class GroupStore:
    """One group per sample of one HDF5 file, each with a dataset [time, *space, channel]."""

    path: Path
    groups: tuple[str, ...]
    dataset: str
    sample_shape: tuple[int, ...]

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.groups), *self.sample_shape)

    def blocks(
        self, runs: Sequence[tuple[int, int]], window: tuple[slice, ...]
    ) -> Iterator[Float[np.ndarray, "sample time *space channel"]]:
        with open_hdf5(self.path) as file:
            for run in runs:
                with np.errstate(over="ignore", invalid="ignore"):
                    samples = [
                        read_window(stored(file, f"{self.groups[i]}/{self.dataset}"), (), window).astype(
                            np.float32
                        )
                        for i in range(*run)
                    ]
                yield np.stack(samples)
