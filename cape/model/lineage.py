"""Lineage: the trainings that the weights of a surrogate have gone through."""

from dataclasses import dataclass
from typing import Any

from cape.config import from_dict


@dataclass(frozen=True)
class Stage:
    """One of several trainings, each from the weights of the one before.

    Attributes:
        start: the surrogate it started from: the name of its folder, of a shipped one, or hf://OWNER/NAME; empty:
            random weights.
        weights_sha256: SHA-256 of the file of these weights; empty for random ones.
        data: names of the data files and folders, or of the simulated equation.
        trajectories: number of training trajectories; 0: unknown.
        data_sha256: fingerprint of the training data (`cape.datasets.fingerprint`); empty: unknown.
        epochs: of the training; 0: unknown.
    """

    start: str
    weights_sha256: str
    data: tuple[str, ...]
    trajectories: int
    data_sha256: str
    epochs: int

    @property
    def text(self) -> str:
        """The stage in one sentence."""
        start = f"{self.start} (weights {self.weights_sha256[:12]})" if self.start else "random weights"
        count = f"{self.trajectories} trajectories of " if self.trajectories else ""
        names = ", ".join(self.data[:3]) + (f" and {len(self.data) - 3} more" if self.data[3:] else "")
        digest = f" (data {self.data_sha256[:12]})" if self.data_sha256 else ""
        epochs = f", {self.epochs} epoch{'s' * (self.epochs > 1)}" if self.epochs else ""
        return f"from {start} on {count}{names}{digest}{epochs}"


def read_lineage(content: Any, where: str) -> tuple[Stage, ...]:
    """Read a lineage from plain data.

    Args:
        where: name of the source in messages.

    Raises:
        ValueError: this is not a list of stages.
    """
    if not isinstance(content, list):
        raise ValueError(f"{where}: expected a list, got {content!r}")
    return tuple(from_dict(Stage, stage, where) for stage in content)
