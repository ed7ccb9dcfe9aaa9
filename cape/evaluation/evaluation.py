"""What an evaluation finds: a row of errors for each parameter value, and examples to draw."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cape.evaluation.flow import Flow

KINDS = ("seen", "interpolated", "extrapolated")


@dataclass(frozen=True, eq=False)
class Row:
    """Errors at one parameter value, or in one bin of continuous values, named by their median.

    Attributes:
        parameters: value by name, in the units of the data.
        kind: "seen", "interpolated" or "extrapolated", compared with the values trained on.
        samples: number of trajectories.
        diverged: number of trajectories whose prediction is not finite at some time (their errors are inf).
        values: error name (see `cape.evaluation.metric.error_names`) -> mean over frames and channels.
        over_time: error name -> [time], mean over channels; only of metrics that have a curve over time.
        channels: channel name -> error name -> mean over frames; empty if there is one channel.
    """

    parameters: dict[str, float]
    kind: str
    samples: int
    diverged: int
    values: dict[str, float]
    over_time: dict[str, Float[np.ndarray, " time"]]
    channels: dict[str, dict[str, float]]


@dataclass(frozen=True, eq=False)
class Example:
    """Truth and prediction of one sample, [time, *space, channel]; both start with the `given` first frames.

    Attributes:
        half_width: of a band around the prediction that holds a share `level` of the points, 0 in the given frames;
            None if the uncertainty is not known.
    """

    parameters: dict[str, float]
    kind: str
    truth: Float[np.ndarray, "time *space channel"]
    prediction: Float[np.ndarray, "time *space channel"]
    times: Float[np.ndarray, " time"]
    coordinates: tuple[Float[np.ndarray, " _"], ...]
    channel_names: tuple[str, ...]
    given: int = 1
    half_width: Float[np.ndarray, "time channel"] | None = None
    level: float = 0.9

    @property
    def caption(self) -> str:
        """Parameter values and kind as text: "M = 1, eta = 0.01 (seen)"."""
        value = ", ".join(f"{name} = {number:.4g}" for name, number in self.parameters.items())
        return f"{value} ({self.kind})"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Rows sorted by parameter value, times of the predicted frames, and one example for each row (or none).

    `flows` has one entry for each row if the data are a flow (see `FlowBox.is_flow`), and none otherwise.
    """

    rows: tuple[Row, ...]
    times: Float[np.ndarray, " time"]
    training_values: Float[np.ndarray, "value parameter"]
    examples: tuple[Example, ...] = ()
    flows: tuple[Flow, ...] = ()

    @property
    def parameter_names(self) -> tuple[str, ...]:
        return tuple(self.rows[0].parameters)

    @property
    def error_names(self) -> tuple[str, ...]:
        """Names of the errors in every row, in the order of the files and tables."""
        return tuple(self.rows[0].values)

    @property
    def summary(self) -> dict[str, dict]:
        """Mean of every error over the parameter values of each kind, and the worst value by nRMSE.

        "unseen" is interpolated and extrapolated together.
        """
        kinds = {kind: [row for row in self.rows if row.kind == kind] for kind in KINDS}
        kinds["unseen"] = kinds["interpolated"] + kinds["extrapolated"]
        return {kind: _summarise(rows) for kind, rows in kinds.items() if rows}


def _summarise(rows: Sequence[Row]) -> dict:
    """Average the rows of one kind."""
    worst = max(rows, key=lambda row: np.nan_to_num(row.values["nRMSE"], posinf=np.inf))
    names = tuple(rows[0].values)
    return {
        "values": len(rows),
        "samples": sum(row.samples for row in rows),
        "diverged": sum(row.diverged for row in rows),
        **{name: float(np.mean([row.values[name] for row in rows])) for name in names},
        "channels": {
            channel: {name: float(np.mean([row.channels[channel][name] for row in rows])) for name in names}
            for channel in rows[0].channels
        },
        "worst_nRMSE": worst.values["nRMSE"],
        "worst_parameters": worst.parameters,
    }
