"""The section of a model card on errors: one table row for each parameter value."""

from cape.evaluation.evaluation import Row
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
        f"frame.\n\n{table(_rows(card))}"
    )


def _rows(card: ModelCard) -> list[list[str]]:
    evaluation = card.evaluation
    channels = tuple(evaluation.rows[0].channels)
    diverged = any(row.diverged for row in evaluation.rows)
    head = [*evaluation.parameter_names, "value is", "trajectories", *(["diverged"] if diverged else [])]
    rows = [[*head, *_COLUMNS.values(), *(f"nRMSE of {channel}" for channel in channels)]]
    for row in evaluation.rows:
        values = [f"{value:.4g}" for value in row.parameters.values()]
        rows.append([*values, row.kind, *_counts(row.samples, row.diverged, diverged), *_errors_of(row)])
    for kind, mean in evaluation.summary.items():
        values = ["**mean**", *[""] * (len(evaluation.parameter_names) - 1)]
        counts = _counts(mean["samples"], mean["diverged"], diverged)
        by_channel = [number(mean["channels"][channel]["nRMSE"]) for channel in channels]
        rows.append([*values, kind, *counts, *(number(mean[name]) for name in _COLUMNS), *by_channel])
    return rows


def _counts(samples: int, diverged: int, show_diverged: bool) -> list[str]:
    return [str(samples), str(diverged)] if show_diverged else [str(samples)]


def _errors_of(row: Row) -> list[str]:
    by_channel = [number(errors["nRMSE"]) for errors in row.channels.values()]
    return [*(number(row.values[name]) for name in _COLUMNS), *by_channel]
