"""Folders of runs that were never trained, for tests of what reads them."""

import json
from pathlib import Path
from typing import Any

from cape.config import to_dict
from cape.experiment import Experiment


def write_run(
    folder: Path,
    experiment: Experiment | None = None,
    *,
    errors: tuple[float, ...] = (0.5, 0.25),
    epochs: int = 2,
    evaluated: dict[str, float | None] | None = None,
) -> Path:
    """Write a run with one validation error for each epoch that is done, and an evaluation if `evaluated` is given."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(to_dict(experiment or Experiment())))
    records: list[dict[str, Any]] = [
        {"step": 4 * n, "epoch": n, "epochs": epochs, "loss": error, "validation_error": error, "kept": True}
        for n, error in enumerate(errors, 1)
    ]
    lines = [json.dumps(record | {"seconds": 30.0}) + "\n" for record in records]
    (folder / "metrics.jsonl").write_text("".join(lines))
    if evaluated is not None:
        (folder / "evaluation").mkdir()
        summary = {kind: {"nRMSE": error} for kind, error in evaluated.items()}
        (folder / "evaluation" / "evaluation.json").write_text(json.dumps({"summary": summary}))
    return folder
