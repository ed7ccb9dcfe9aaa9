"""The tables of an evaluation and of its protocols: errors, errors of each channel, one table for each protocol."""

from collections.abc import Iterator, Mapping

from cape.evaluation.evaluation import Evaluation
from cape.evaluation.flow import SPECTRUM_ERROR, largest_change
from cape.evaluation.flow_quantities import DIVERGENCE, ENSTROPHY, KINETIC_ENERGY
from cape.evaluation.horizon import correlation_horizon
from cape.evaluation.metric import METRICS, Metric
from cape.evaluation.protocols import PROTOCOLS
from cape.evaluation.text_table import Table, number


def evaluation_text(evaluation: Evaluation) -> str:
    """Return the table of errors as aligned text; with several channels, the table of channels follows."""
    return "\n\n".join(str(table) for table in evaluation_tables(evaluation))


def protocol_text(protocols: Mapping[str, list[dict]]) -> str:
    """Return the results of `run_protocols` as aligned text: a table for each protocol, or why it has none."""
    return "\n\n".join(map(str, protocol_tables(protocols)))


def evaluation_tables(evaluation: Evaluation) -> list[Table]:
    """Lay out the rows of an evaluation and the means over the values of each kind.

    With several channels a second table shows selected errors of each channel. The mean over channels can hide a
    large error: a pressure with a small relative error hides a velocity with a large one. A flow has a further
    table.
    """
    tables = [_errors(evaluation)]
    if evaluation.rows[0].channels:
        tables.append(_channels(evaluation))
    return [*tables, _flows(evaluation)] if evaluation.flows else tables


def protocol_tables(protocols: Mapping[str, list[dict]]) -> list[Table | str]:
    """Lay out the result of `run_protocols`: a table for each protocol, or a line that says why it has none."""
    return [_protocol(name, rows) for name, rows in protocols.items()]


def columns(evaluation: Evaluation) -> dict[str, tuple[str, Metric]]:
    """Return the errors that the printed table shows: error name -> (heading, metric)."""
    metrics = [m for name, m in METRICS.parts.items() if name in evaluation.error_names]
    shown = {m.name: (m.heading or m.name, m) for m in metrics if m.in_table}
    still = {f"persistence_{m.name}": (m.persistence_heading, m) for m in metrics if m.persistence_heading}
    return shown | {name: column for name, column in still.items() if name in evaluation.error_names}


def _errors(evaluation: Evaluation) -> Table:
    shown = columns(evaluation)
    diverged = any(row.diverged for row in evaluation.rows)
    head = [*evaluation.parameter_names, "kind", "samples", *["diverged"] * diverged]
    rows = []
    for row, first in zip(evaluation.rows, _values(evaluation), strict=True):
        counts = [str(row.samples), *[str(row.diverged)] * diverged]
        rows.append([*first, *counts, *(number(row.values[name]) for name in shown)])
    means = []
    for (_, mean), first in zip(evaluation.summary.items(), _means(evaluation), strict=True):
        counts = [str(mean["samples"]), *[str(mean["diverged"])] * diverged]
        means.append([*first, *counts, *(number(mean[name]) for name in shown)])
    return Table([*head, *(heading for heading, _ in shown.values())], rows, means)


def _channels(evaluation: Evaluation) -> Table:
    channels = tuple(evaluation.rows[0].channels)
    metrics = METRICS.parts.values()
    shown = [m.name for m in metrics if m.by_channel and m.name in evaluation.error_names]

    def cells(errors: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
        return (" | ".join(number(errors[channel][name]) for name in shown) for channel in channels)

    rows = [
        [*first, *cells(row.channels)]
        for row, first in zip(evaluation.rows, _values(evaluation), strict=True)
    ]
    means = [
        [*first, *cells(mean["channels"])]
        for mean, first in zip(evaluation.summary.values(), _means(evaluation), strict=True)
    ]
    head = [*evaluation.parameter_names, "kind", *channels]
    return Table(head, rows, means, f"{' | '.join(shown)} of each channel")


def _flows(evaluation: Evaluation) -> Table:
    """Lay out what is usual for flows: correlation horizon, spectra, energy, enstrophy, divergence, totals."""
    known = evaluation.flows[0].histories
    compared = [name for name in (KINETIC_ENERGY, ENSTROPHY) if name in known]
    totals = [name for name in known if name not in (KINETIC_ENERGY, ENSTROPHY, DIVERGENCE)]
    divergence = ["divergence"] * (DIVERGENCE in known)
    rows = []
    for row, first, flow in zip(evaluation.rows, _values(evaluation), evaluation.flows, strict=True):
        cells = [correlation_horizon(row, evaluation.times), row.values.get(SPECTRUM_ERROR, float("nan"))]
        cells += [largest_change(flow.histories[name]) for name in compared]
        texts = [*first, *map(number, cells)]
        if divergence:
            texts.append(" | ".join(number(float(curve[-1])) for curve in flow.histories[DIVERGENCE]))
        changes = (
            abs(prediction - truth).max() for truth, prediction in map(flow.histories.__getitem__, totals)
        )
        rows.append([*texts, " | ".join(number(float(change)) for change in changes)])
    head = ["correlated for", "error of spectra", *compared, *divergence, " | ".join(totals)]
    title = (
        "Flow: time until the correlation falls below 0.8; |log10| of the ratio of spectra; largest error of energy "
        "and enstrophy over the largest value; divergence of truth | prediction at the end; largest error of totals"
    )
    return Table([*evaluation.parameter_names, "kind", *head], rows, title=title)


def _values(evaluation: Evaluation) -> list[list[str]]:
    """Return the first cells of each row: the parameter values and the kind."""
    return [[*(f"{value:.4g}" for value in row.parameters.values()), row.kind] for row in evaluation.rows]


def _means(evaluation: Evaluation) -> list[list[str]]:
    """Return the first cells of each mean: "mean" in the last parameter's column, if there is one, and the kind."""
    count = len(evaluation.parameter_names)
    return [[*([""] * (count - 1) + ["mean"])[:count], kind] for kind in evaluation.summary]


def _protocol(name: str, rows: list[dict]) -> Table | str:
    protocol = next(p for p in PROTOCOLS if p.name == name)
    if not rows:
        return protocol.empty
    first = dict(rows[0])
    if "relative_to" in first:
        first["relative_to"] = ", ".join(f"{n} = {v:.4g}" for n, v in first["relative_to"].items())
    shown = [key for key in first if key not in ("parameters", "relative_to", "trained_steps", "steps")]
    names = list(first.get("parameters", {}))
    lines = [
        [
            *(f"{row['parameters'][n]:.4g}" for n in names),
            *(number(row[key]) if isinstance(row[key], float) else str(row[key]) for key in shown),
        ]
        for row in rows
    ]
    return Table([*names, *shown], lines, title=protocol.title.format(**first))
