"""The section of a model card on errors: one table row for each parameter value."""

from collections.abc import Mapping

from cape.evaluation.evaluation import Row
from cape.evaluation.flow import CORRELATED_FRACTION, SPECTRUM_ERROR
from cape.evaluation.horizon import longest_horizon
from cape.evaluation.text_table import number
from cape.release.markdown import table
from cape.release.model_card import ModelCard

_COLUMNS = {  # error of an evaluation -> heading
    "nRMSE": "nRMSE",
    "nRMSE_median": "median nRMSE",
    "RMSE": "RMSE",
    "persistence_nRMSE": "nRMSE of persistence",
}


def errors(card: ModelCard) -> str:
    """Tabulate the errors on the test set."""
    return (
        "## Errors\n\n"
        f"Rollouts of {len(card.evaluation.times)} steps from initial conditions used for neither training nor "
        "validation. The parameter values are seen (used for training), interpolated (inside the trained range) or "
        "extrapolated (outside it). nRMSE is the root mean square error over the root mean square of the truth, "
        "averaged over frames and trajectories (the median is over trajectories). Persistence repeats the last given "
        f"frame.{_flow_text(card)}\n\n{table(_rows(card))}"
    )


def _flow_text(card: ModelCard) -> str:
    if not _measured_for_flows(card):
        return ""
    return (
        " The horizon is the time until the correlation with the truth first falls below 0.8, averaged over "
        f"trajectories; at most {longest_horizon(card.evaluation.times):.4g}, the length of the rollouts. The error of "
        "spectra is the mean of |log10| of the ratio of power over the wave numbers."
    )


def _measured_for_flows(card: ModelCard) -> bool:
    """Return whether the evaluation has horizons and spectra; evaluations of older versions do not."""
    return {CORRELATED_FRACTION, SPECTRUM_ERROR} <= set(card.evaluation.error_names)


def _flow_errors(card: ModelCard, values: Mapping[str, float]) -> list[str]:
    if not _measured_for_flows(card):
        return []
    horizon = values[CORRELATED_FRACTION] * longest_horizon(card.evaluation.times)
    return [f"{horizon:.4g}", number(values[SPECTRUM_ERROR])]


def _rows(card: ModelCard) -> list[list[str]]:
    evaluation = card.evaluation
    channels = tuple(evaluation.rows[0].channels)
    diverged = any(row.diverged for row in evaluation.rows)
    head = [*evaluation.parameter_names, "value is", "trajectories", *(["diverged"] if diverged else [])]
    flow = ["horizon", "error of spectra"] * _measured_for_flows(card)
    rows = [[*head, *_COLUMNS.values(), *flow, *(f"nRMSE of {channel}" for channel in channels)]]
    for row in evaluation.rows:
        values = [f"{value:.4g}" for value in row.parameters.values()]
        rows.append(
            [*values, row.kind, *_counts(row.samples, row.diverged, diverged), *_errors_of(card, row)]
        )
    for kind, mean in evaluation.summary.items():
        values = ["**mean**", *[""] * (len(evaluation.parameter_names) - 1)]
        counts = _counts(mean["samples"], mean["diverged"], diverged)
        by_channel = [number(mean["channels"][channel]["nRMSE"]) for channel in channels]
        rows.append(
            [
                *values,
                kind,
                *counts,
                *(number(mean[name]) for name in _COLUMNS),
                *_flow_errors(card, mean),
                *by_channel,
            ]
        )
    return rows


def _counts(samples: int, diverged: int, show_diverged: bool) -> list[str]:
    return [str(samples), str(diverged)] if show_diverged else [str(samples)]


def _errors_of(card: ModelCard, row: Row) -> list[str]:
    by_channel = [number(errors["nRMSE"]) for errors in row.channels.values()]
    errors = (number(row.values[name]) for name in _COLUMNS)
    return [*errors, *_flow_errors(card, row.values), *by_channel]
