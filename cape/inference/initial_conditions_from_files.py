"""Initial conditions from files: the first frames of their samples."""

import dataclasses
import warnings
from pathlib import Path

import numpy as np

from cape.datasets.opening import open_files
from cape.datasets.trajectories import Trajectories, is_uniform
from cape.inference.initial_conditions import InitialConditions, InitialConditionSource
from cape.inference.resampling import in_time_steps, on_training_grid
from cape.out_of_distribution import time_step_warnings
from cape.problem import Problem


@dataclasses.dataclass(frozen=True)
class InitialConditionsFromFiles(InitialConditionSource):
    """The first frame of every sample of files or folders, or the first `history` frames.

    Attributes:
        files: files or folders, opened together.
        samples: take the first n samples; 0 takes all.
        space_stride: take every n-th point of each axis; 0 takes the training grid where possible.
    """

    files: tuple[str | Path, ...]
    samples: int = 0
    space_stride: int = 0

    def open(self, problem: Problem, history: int = 1) -> InitialConditions:
        """Open the files; no field is read yet.

        Warns:
            OtherTimeStep: the files have several frames, and these are not one step of the surrogate apart.

        Raises:
            ValueError: the files cannot be opened together, do not match the problem, or have too few frames.
        """
        if self.samples < 0:
            raise ValueError(f"samples: expected 0 (all) or more, got {self.samples}")
        opened = on_training_grid(problem, open_files(list(self.files)), self.space_stride)
        first = _first_frames(problem, opened, history)
        first = first.select(np.arange(min(self.samples or first.samples, first.samples)))

        def read(rows: slice, _) -> np.ndarray:
            return first.read(np.arange(rows.start, rows.stop))

        return InitialConditions(read, first.coordinates, first.initial_conditions, first.parameters)


def _first_frames(problem: Problem, opened: Trajectories, history: int) -> Trajectories:
    """Take the first `history` frames, one step of the surrogate apart."""
    if opened.frames < history:
        raise ValueError(f"{opened.source}: expected {history} frames to start from, got {opened.frames}")
    if history == 1 < opened.frames and is_uniform(opened.times):
        for warning in time_step_warnings(problem, opened.dt, opened.source):
            warnings.warn(warning, stacklevel=3)
    if history > 1:
        opened = in_time_steps(problem, opened)
        if opened.frames < history:
            raise ValueError(
                f"{opened.source}: expected {history} frames {problem.dt:g} apart to start from, got {opened.frames}"
            )
    return opened.first_frames(history)
