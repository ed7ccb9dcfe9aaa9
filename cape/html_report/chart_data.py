"""The numbers behind the charts of a page: errors over parameters and time, and spectra."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cape.evaluation import spectra
from cape.evaluation.error_tables import columns
from cape.evaluation.evaluation import Evaluation, Example
from cape.evaluation.files import finite
from cape.evaluation.metric import METRICS
from cape.figures.box import lengths
from cape.html_report.field_data import numbers_to_base64
from cape.problem import Problem

_MOST_WAVES = 256
_SMALLEST_POWER = 1e-32


def error_data(evaluation: Evaluation, problem: Problem) -> dict[str, Any]:
    """Return the errors of every row by metric, over time as well, and the trained values."""
    shown = [name for name in columns(evaluation) if name in METRICS.parts]
    shown.sort(key=lambda name: name != "nRMSE")
    content = {
        "parameters": list(evaluation.parameter_names),
        "trained": {
            name: {"low": low, "high": high, "values": np.unique(evaluation.training_values[:, i]).tolist()}
            for i, (name, low, high) in enumerate(
                zip(problem.parameters, problem.low, problem.high, strict=True)
            )
        },
        "metrics": {name: METRICS.parts[name].description for name in shown},
        "times": evaluation.times.tolist(),
        "rows": [
            {
                "parameters": row.parameters,
                "kind": row.kind,
                "samples": row.samples,
                "errors": {name: row.values[name] for name in shown},
                "persistence": {
                    name: row.values[f"persistence_{name}"]
                    for name in shown
                    if f"persistence_{name}" in row.values
                },
                "over_time": {name: row.over_time[name].tolist() for name in shown if name in row.over_time},
            }
            for row in evaluation.rows
        ],
    }
    return finite(content)


def spectrum_data(examples: Sequence[Example], times: Sequence[float]) -> dict[str, Any] | None:
    """Return the power spectra of truth and prediction at the given times, or None without examples.

    Wave numbers are 1 to the lowest Nyquist wave number, or to 256. The arrays are int16 [channel, time, wave number]:
    thousandths of the decimal logarithm of the power; the lowest integer stands for no power or one that is not finite.
    """
    if not examples:
        return None
    box = lengths(examples[0].coordinates)
    shells = min(spectra.resolved_shells(examples[0].truth.shape[1:-1], box), _MOST_WAVES + 1)
    frames = np.searchsorted(examples[0].times, np.asarray(times) - 1e-9)

    def power(fields: np.ndarray) -> str:
        found = np.moveaxis(spectra.power_spectrum(fields[frames], box)[:, 1:shells], -1, 0)
        known = np.isfinite(found) & (found > _SMALLEST_POWER) & (found < 1 / _SMALLEST_POWER)
        thousandths = np.round(1000 * np.log10(np.where(known, found, 1.0)))
        return numbers_to_base64(np.where(known, thousandths, -(2**15)).astype(np.int16))

    return {
        "waves": shells - 1,
        "examples": [{"truth": power(e.truth), "prediction": power(e.prediction)} for e in examples],
    }
