"""What an evaluation measures of flows: histories and spectra of truth and prediction at each parameter value."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cape.evaluation.flow_quantities import FlowBox

CORRELATED_FRACTION, SPECTRUM_ERROR = "correlated_fraction", "spectrum_error"  # names of metrics
Pair = tuple[Float[np.ndarray, " _"], Float[np.ndarray, " _"]]  # of the truth, of the prediction


@dataclass(frozen=True, eq=False)
class Flow:
    """Quantities of a flow at one parameter value, averaged over the trajectories.

    Attributes:
        histories: quantity (see cape/evaluation/flow_quantities.py) -> its course in truth and prediction, [time].
        spectra: kinetic energy or enstrophy -> spectra of truth and prediction, averaged over the predicted frames,
            [shell].
    """

    histories: dict[str, Pair]
    spectra: dict[str, Pair]

    @classmethod
    def of_batches(cls, batches: Sequence["Flow"], samples: Sequence[int]) -> "Flow":
        """Average the flows of batches with these numbers of samples."""

        def average(each: Sequence[dict[str, Pair]]) -> dict[str, Pair]:
            weights = np.asarray(samples, np.float64) / sum(samples)
            return {
                name: (
                    _mean(weights, [one[name][0] for one in each]),
                    _mean(weights, [one[name][1] for one in each]),
                )
                for name in each[0]
            }

        return cls(average([b.histories for b in batches]), average([b.spectra for b in batches]))


def flow_of(
    box: FlowBox,
    truth: Float[np.ndarray, "batch time *space channel"],
    prediction: Float[np.ndarray, "batch time *space channel"],
) -> Flow:
    """Measure the flow of a batch, averaged over its samples; what is not finite in a sample is so in the mean."""
    histories = [box.histories(u) for u in (truth, prediction)]
    spectra = [box.spectra(u) for u in (truth, prediction)]
    return Flow(
        {name: (histories[0][name].mean(0), histories[1][name].mean(0)) for name in histories[0]},
        {name: (spectra[0][name].mean((0, 1)), spectra[1][name].mean((0, 1))) for name in spectra[0]},
    )


def largest_change(pair: Pair) -> float:
    """Return the largest difference between prediction and truth, over the size of the truth."""
    truth, prediction = pair
    size = np.abs(truth).max()
    return float(np.abs(prediction - truth).max() / size) if size > 0 else float(np.abs(prediction).max())


def _mean(weights: Float[np.ndarray, " batch"], arrays: Sequence[np.ndarray]) -> np.ndarray:
    with np.errstate(invalid="ignore", over="ignore"):
        return np.tensordot(weights, np.stack(arrays), 1)
