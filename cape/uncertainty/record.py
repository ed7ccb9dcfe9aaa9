"""The record of a calibration, stored beside the weights of a surrogate."""

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from cape.atomic import write_text
from cape.datasets.bounded_text import read_json
from cape.locate import check_inside
from cape.problem import Problem

FILE = "uncertainty.json"
FORMAT = 2
_OF_BANDS = ("positions", "errors", "levels", "factors")
_OF_DISTANCE = (
    "centre",
    "spread",
    "farthest",
    "feature_centre",
    "feature_spread",
    "weights",
    "bounds",
    "threshold",
)
_KEYS = _OF_BANDS + _OF_DISTANCE


@dataclasses.dataclass(frozen=True)
class UncertaintyRecord:
    """What is known of the errors of a surrogate, from trajectories it was not trained on.

    The record is compared and hashed by its text, so that a surrogate that holds it stays a key of compiled programs.
    """

    text: str

    @functools.cached_property
    def content(self) -> dict[str, Any]:
        return json.loads(self.text)

    def array(self, name: str) -> Float[np.ndarray, "..."]:
        """Return an array of the record, float32:

        - positions [trajectory, parameter] of the calibration trajectories (see `cape.uncertainty.position.positions`);
        - errors [trajectory, time, channel], the logarithm of the error over the size of the first frame and over the
          predicted error;
        - levels [level], and factors [level, time, channel] by which a band of that level is wider than the error;
        - centre [feature] and spread [feature], mean and standard deviation of the features of the first frames;
        - farthest [], the largest distance of the calibration data;
        - feature_centre and feature_spread [feature], mean and standard deviation of the features of the rollouts;
        - weights [feature + 1] and bounds [2] of the logarithm of the predicted error;
        - threshold [], the logarithm of the predicted error above which a rollout is flagged.
        """
        return np.asarray(self.content[name], np.float32)

    @property
    def steps(self) -> int:
        """Length of the calibrated rollouts."""
        return len(self.content["errors"][0])

    @property
    def coverage(self) -> list[dict[str, Any]]:
        """For each parameter value: its kind, the number of trajectories, and the measured coverage at each level."""
        return self.content["coverage"]

    def save(self, folder: Path) -> Path:
        """Write the record into a pretrained folder, atomically."""
        return write_text(folder / FILE, self.text + "\n")


def read_uncertainty(folder: Path, problem: Problem, features: int) -> UncertaintyRecord | None:
    """Read the record of a pretrained folder; None if there is none.

    Args:
        folder: the pretrained folder.
        problem: of the surrogate.
        features: number of features of its rollouts (see `count_features`).

    Raises:
        ValueError: the file is damaged, of another problem or format, or a link out of the folder.
    """
    file = folder / FILE
    check_inside(folder, file)
    if not file.is_file():
        return None
    try:
        content = read_json(file)
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']!r}, expected {FORMAT}")
        record = UncertaintyRecord(json.dumps(content))
        shapes = {name: record.array(name).shape for name in _KEYS}
        _check(shapes, len(problem.parameters), len(problem.channels), features)
        if not all(np.isfinite(record.array(name)).all() for name in _KEYS):
            raise ValueError("numbers that are not finite")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{file}: not the calibration of this surrogate ({error}); delete the file, or write it again with `cape "
            "calibrate`"
        ) from error
    return record


def _check(shapes: dict[str, tuple[int, ...]], parameters: int, channels: int, of_rollout: int) -> None:
    """Raise ValueError unless the shapes fit each other and the problem."""
    trajectories, steps = shapes["errors"][:2]
    features, levels = 3 * channels, shapes["levels"][0]
    expected = {
        "positions": (trajectories, parameters),
        "errors": (trajectories, steps, channels),
        "factors": (levels, steps, channels),
        "centre": (features,),
        "spread": (features,),
        "farthest": (),
        "feature_centre": (of_rollout,),
        "feature_spread": (of_rollout,),
        "weights": (of_rollout + 1,),
        "bounds": (2,),
        "threshold": (),
    }
    for name, shape in expected.items():
        if shapes[name] != shape:
            raise ValueError(f"{name}: expected shape {shape}, got {shapes[name]}")
