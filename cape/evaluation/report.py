"""An evaluation as files and as text: evaluation.json, evaluation.csv and a table for the console."""

import csv
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cape.evaluation.evaluate import FIGURES, Evaluation, Row
from cape.evaluation.metrics import METRICS_VERSION


def write(
    evaluation: Evaluation, folder: str | Path, protocols: Mapping[str, list[dict]] | None = None
) -> tuple[Path, Path]:
    """Write evaluation.json and evaluation.csv into a folder, made if missing; an older pair is replaced.

    What `cape.evaluation.protocols.run_protocols` gave goes into the JSON with it, as "protocols".
    A figure that is not finite is null in the JSON: of a diverged rollout where "diverged" is above 0, else
    undefined (a Fourier band the grid does not reach). Each file appears whole or not at all.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "metrics_version": METRICS_VERSION,
        "parameter_names": list(evaluation.parameter_names),
        "training_values": evaluation.training_values.tolist(),
        "times": evaluation.times.tolist(),
        "summary": evaluation.summary,
        "rows": [_row_to_json(row) for row in evaluation.rows],
        **({"protocols": protocols} if protocols is not None else {}),
    }
    text = json.dumps(_finite(content), indent=1, allow_nan=False)
    return _place(folder / "evaluation.json", text + "\n"), _place(
        folder / "evaluation.csv", _csv(evaluation)
    )


def read(folder: str | Path) -> Evaluation:
    """Read what `write` wrote, without the examples; null comes back as inf (diverged) or NaN (undefined)."""
    path = Path(folder) / "evaluation.json"
    if not path.is_file():
        raise ValueError(
            f"{path} does not exist: expected the folder of an evaluation, made by `cape evaluate`"
        )
    content = json.loads(path.read_text(encoding="utf-8"))
    if content.get("metrics_version") != METRICS_VERSION:
        raise ValueError(
            f"{path}: metrics_version {content.get('metrics_version')}, expected {METRICS_VERSION}; "
            "evaluate again with this version of the package"
        )
    rows = tuple(_row_from_json(row) for row in content["rows"])
    return Evaluation(rows, np.array(content["times"]), np.array(content["training_values"]))


def table(evaluation: Evaluation) -> str:
    """Lay out the rows and the means over the values of each kind as aligned text.

    Where there are several channels a second table tells nRMSE and VRMSE of each: in their mean a pressure, small
    against its own mean value, would hide a velocity that is not.
    """
    shown = ["RMSE", "nRMSE", "nRMSE_median", "VRMSE", "max_error", "persistence_nRMSE"]
    heads = {"nRMSE_median": "median", "max_error": "max", "persistence_nRMSE": "persistence"}
    diverged = any(row.diverged for row in evaluation.rows)
    channels = tuple(evaluation.rows[0].channels)
    names = list(evaluation.parameter_names)
    lines = [
        [*names, "kind", "samples", *["diverged"] * diverged, *(heads.get(name, name) for name in shown)]
    ]
    parts = [[*names, "kind", *channels]]
    for row in evaluation.rows:
        first = [*(f"{number:.4g}" for number in row.parameters.values()), row.kind]
        counts = [str(row.samples), *[str(row.diverged)] * diverged]
        lines.append(first + counts + [_number(row.values[name]) for name in shown])
        parts.append(first + [_pair(row.channels[channel]) for channel in channels])
    for kind, mean in evaluation.summary.items():
        first = [*[*[""] * (len(names) - 1), "mean"][: len(names)], kind]  # data may have no parameter
        counts = [str(mean["samples"]), *[str(mean["diverged"])] * diverged]
        lines.append(first + counts + [_number(mean[name]) for name in shown])
        parts.append(first + [_pair(mean["channels"][channel]) for channel in channels])
    count = len(evaluation.rows)
    if not channels:
        return aligned(lines, count)
    return f"{aligned(lines, count)}\n\nnRMSE | VRMSE of each channel\n{aligned(parts, count)}"


def protocol_tables(protocols: Mapping[str, list[dict]]) -> str:
    """Lay out the result of `run_protocols` as aligned text: a table for each protocol, or why there is none."""
    titles = {
        "controls": "nRMSE with the right parameters, those of another value (shuffled), the mean of the trained",
        "response": "change of the solution from one initial condition with the parameters, relative to {relative_to}",
        "distance": "nRMSE by distance from the trained values, and its ratio to that of trained ones",
        "resolution": "nRMSE on the grid trained on, and on one twice as fine along every axis",
        "horizon": "nRMSE within the {trained_steps} steps trained, and beyond up to step {steps}",
    }
    empty = {
        "controls": "no controls: the files have one parameter value",
        "response": "no parameter response: no initial condition is there at a trained and at another value",
        "distance": "no distance: all values or none were trained on",
        "resolution": "no finer grid: the files have fewer than twice the points trained on",
        "horizon": "no longer horizon: the files end with the steps trained",
    }
    texts = []
    for name, rows in protocols.items():
        if not rows:
            texts.append(empty[name])
            continue
        first = dict(rows[0])
        if "relative_to" in first:
            first["relative_to"] = ", ".join(f"{n} = {v:.4g}" for n, v in first["relative_to"].items())
        shown = [key for key in first if key not in ("parameters", "relative_to", "trained_steps", "steps")]
        names = list(first.get("parameters", {}))
        lines = [[*names, *shown]]
        for row in rows:
            cells = [f"{row['parameters'][n]:.4g}" for n in names]
            lines.append(
                cells + [_number(row[k]) if isinstance(row[k], float) else str(row[k]) for k in shown]
            )
        texts.append(f"{titles[name].format(**first)}\n{aligned(lines, len(rows))}")
    return "\n\n".join(texts)


def aligned(lines: Sequence[Sequence[str]], count: int) -> str:
    """Align columns to the right: a head, `count` lines below a rule, and what is left below another."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    texts = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    rule = "-" * len(texts[0])
    below = [rule, *texts[count + 1 :]] if texts[count + 1 :] else []
    return "\n".join([texts[0], rule, *texts[1 : count + 1], *below])


def _pair(figures: dict[str, float]) -> str:
    return f"{_number(figures['nRMSE'])} | {_number(figures['VRMSE'])}"


def _number(value: float) -> str:
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e3 else f"{value:.2e}"


def _row_to_json(row: Row) -> dict:
    return {
        "parameters": row.parameters,
        "kind": row.kind,
        "samples": row.samples,
        "diverged": row.diverged,
        **row.values,
        "channels": row.channels,
        "over_time": {name: curve.tolist() for name, curve in row.over_time.items()},
    }


def _row_from_json(row: dict) -> Row:
    missing = math.inf if row["diverged"] else math.nan

    def number(value: float | None) -> float:
        return missing if value is None else value

    return Row(
        parameters=row["parameters"],
        kind=row["kind"],
        samples=row["samples"],
        diverged=row["diverged"],
        values={name: number(row[name]) for name in FIGURES},
        over_time={name: np.array([number(v) for v in curve]) for name, curve in row["over_time"].items()},
        channels={c: {k: number(v) for k, v in figures.items()} for c, figures in row["channels"].items()},
    )


def _csv(evaluation: Evaluation) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    channels = [(c, name) for c, figures in evaluation.rows[0].channels.items() for name in figures]
    head = [*evaluation.parameter_names, "kind", "samples", "diverged", *FIGURES]
    writer.writerow(head + [f"{name}[{channel}]" for channel, name in channels])
    for row in evaluation.rows:
        line = [*row.parameters.values(), row.kind, row.samples, row.diverged]
        line += [row.values[name] for name in FIGURES]
        writer.writerow(line + [row.channels[channel][name] for channel, name in channels])
    return text.getvalue()


def _finite(value):
    """Replace NaN and infinity, which JSON does not know, by None."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _place(path: Path, text: str) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
