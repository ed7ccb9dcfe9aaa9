"""Where fields are: the contract of a store, one HDF5 dataset per channel, and arrays in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from cape.datasets.hdf5_files import open_hdf5, stored
from cape.datasets.hdf5_windows import read_window


@runtime_checkable
class Store(Protocol):
    """The place of the fields of a file, or of an array. A reader of another file format provides its own store."""

    @property
    def name(self) -> str:
        """The file, for messages."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """[sample, time, *space, channel] of all that is stored."""
        ...

    def blocks(
        self, runs: Sequence[tuple[int, int]], window: tuple[slice, ...]
    ) -> Iterator[Float[np.ndarray, "sample time *space channel"]]:
        """Read one block per run, as float32. Values too large for float32 become infinite without a warning.

        Args:
            runs: ranges [start, stop) of samples.
            window: one slice for time and one for each axis.
        """
        ...


@dataclass(frozen=True)
class FileStore:
    """Datasets [sample, time, *space] of one HDF5 file; each is one channel."""

    path: Path
    datasets: tuple[str, ...]
    dataset_shape: tuple[int, ...]

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.dataset_shape, len(self.datasets))

    def blocks(
        self, runs: Sequence[tuple[int, int]], window: tuple[slice, ...]
    ) -> Iterator[Float[np.ndarray, "sample time *space channel"]]:
        with open_hdf5(self.path) as file:
            for start, stop in runs:
                rows = (slice(start, stop),)
                with np.errstate(over="ignore", invalid="ignore"):
                    channels = [
                        read_window(stored(file, d), rows, window).astype(np.float32) for d in self.datasets
                    ]
                yield np.stack(channels, axis=-1)


@dataclass(frozen=True, eq=False)
class MemoryStore:
    """One array [sample, time, *space, channel]."""

    u: np.ndarray
    name: str = "<arrays in memory>"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.u.shape

    def blocks(
        self, runs: Sequence[tuple[int, int]], window: tuple[slice, ...]
    ) -> Iterator[Float[np.ndarray, "sample time *space channel"]]:
        for start, stop in runs:
            with np.errstate(over="ignore", invalid="ignore"):
                yield self.u[start:stop][(slice(None), *window)].astype(np.float32)
