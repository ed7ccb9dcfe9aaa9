"""An evaluation as files: evaluation.json and evaluation.csv."""

import csv
import io
import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cape.atomic import write_text
from cape.datasets.bounded_text import read_json
from cape.evaluation.evaluation import Evaluation, Row
from cape.evaluation.flow import Flow
from cape.evaluation.metric import RESERVED
from cape.evaluation.metrics import METRICS_VERSION

_MOST_BYTES = 256 * 2**20


def write(
    evaluation: Evaluation, folder: str | Path, protocols: Mapping[str, list[dict]] | None = None
) -> tuple[Path, Path]:
    """Write evaluation.json and evaluation.csv into a folder atomically; return their paths.

    The folder is made if it is missing. Older files are replaced. The results of
    `cape.evaluation.protocols.run_protocols` are written to the JSON under "protocols".

    An error that is not finite becomes null in the JSON. In a row with "diverged" above 0, null is infinite. In other
    rows it is undefined, such as a Fourier band with wave numbers that the grid does not have.
    """
    folder = Path(folder)
    content = {
        "metrics_version": METRICS_VERSION,
        "parameter_names": list(evaluation.parameter_names),
        "training_values": evaluation.training_values.tolist(),
        "times": evaluation.times.tolist(),
        "summary": evaluation.summary,
        "rows": [_row_to_json(row) for row in evaluation.rows],
        **({"flows": [_flow_to_json(flow) for flow in evaluation.flows]} if evaluation.flows else {}),
        **({"protocols": protocols} if protocols is not None else {}),
    }
    text = json.dumps(finite(content), indent=1, allow_nan=False)
    return (
        write_text(folder / "evaluation.json", text + "\n"),
        write_text(folder / "evaluation.csv", _csv(evaluation)),
    )


def read(folder: str | Path) -> Evaluation:
    """Read an evaluation that `write` wrote, without its examples; null becomes inf (diverged) or NaN (undefined).

    Raises:
        ValueError: there is no evaluation.json, it is damaged, or another version of the package wrote it.
    """
    path = Path(folder) / "evaluation.json"
    if not path.is_file():
        raise ValueError(
            f"{path} does not exist: expected the folder of an evaluation, made by `cape evaluate`"
        )
    try:
        content = read_json(path, _MOST_BYTES)
        version = content.get("metrics_version")
        if version == METRICS_VERSION:
            rows = tuple(_row_from_json(row) for row in content["rows"])
            times, values = (np.array(content[key], np.float64) for key in ("times", "training_values"))
            flows = tuple(_flow_from_json(flow) for flow in content.get("flows", ()))
            return Evaluation(rows, times, values, flows=flows)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: damaged ({error!r}); evaluate again") from error
    raise ValueError(
        f"{path}: metrics_version {version}, expected {METRICS_VERSION}; "
        "evaluate again with this version of the package"
    )


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
        values={name: number(value) for name, value in row.items() if name not in RESERVED},
        over_time={name: np.array([number(v) for v in curve]) for name, curve in row["over_time"].items()},
        channels={c: {k: number(v) for k, v in errors.items()} for c, errors in row["channels"].items()},
    )


def _flow_to_json(flow: Flow) -> dict:
    return {
        part: {
            name: {"truth": truth.tolist(), "prediction": prediction.tolist()}
            for name, (truth, prediction) in pairs.items()
        }
        for part, pairs in (("histories", flow.histories), ("spectra", flow.spectra))
    }


def _flow_from_json(flow: dict) -> Flow:
    """Read what `_flow_to_json` wrote; null, of a diverged prediction, becomes NaN."""
    histories, spectra = (
        {
            name: (np.array(pair["truth"], np.float64), np.array(pair["prediction"], np.float64))
            for name, pair in flow[part].items()
        }
        for part in ("histories", "spectra")
    )
    return Flow(histories, spectra)


def _csv(evaluation: Evaluation) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = evaluation.error_names
    channels = [(c, name) for c, errors in evaluation.rows[0].channels.items() for name in errors]
    head = [*evaluation.parameter_names, "kind", "samples", "diverged", *names]
    writer.writerow(head + [f"{name}[{channel}]" for channel, name in channels])
    for row in evaluation.rows:
        line = [*row.parameters.values(), row.kind, row.samples, row.diverged]
        line += [row.values[name] for name in names]
        writer.writerow(line + [row.channels[channel][name] for channel, name in channels])
    return text.getvalue()


def finite(value):
    """Replace NaN and infinity, which JSON does not have, by None."""
    if isinstance(value, dict):
        return {key: finite(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
