"""Records of a training: JSON lines always, TensorBoard where asked for."""

import json
import math
import os
from pathlib import Path
from typing import Any


class Records:
    """Append one JSON object an epoch to `folder/metrics.jsonl`, and to TensorBoard with `tensorboard`.

    Args:
        folder: the run's folder; None keeps records in memory only.
        from_step: records beyond this step are dropped, as a resumed training writes them again.
    """

    def __init__(self, folder: Path | None, *, from_step: int = 0, tensorboard: bool = False):
        self.path = None if folder is None else Path(folder) / "metrics.jsonl"
        self.all: list[dict[str, Any]] = []
        if self.path is not None:
            if self.path.exists():
                self.all = [record for record in read(self.path) if record["step"] <= from_step]
            partial = self.path.with_suffix(".part")
            partial.write_text("".join(json.dumps(record) + "\n" for record in self.all))
            os.replace(partial, self.path)
        self._writer = _tensorboard(folder) if tensorboard else None

    def add(self, record: dict[str, Any]) -> None:
        clean = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()}
        self.all.append(clean)
        if self.path is not None:
            with self.path.open("a") as file:
                file.write(json.dumps(clean) + "\n")
        if self._writer is not None:
            for name, value in clean.items():
                if isinstance(value, float):
                    self._writer.add_scalar(name, value, record["step"])

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def read(path: Path) -> list[dict[str, Any]]:
    """Read the records of a run, one dictionary an epoch; a last line cut short by a kill is left out."""
    records = []
    for line in Path(path).read_text().splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return records


def _tensorboard(folder: Path | None):
    if folder is None:
        raise ValueError("TensorBoard needs a run folder to write to")
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise ValueError(
            "TensorBoard records need tensorboardX: pip install 'cape-jax[tensorboard]'"
        ) from error
    return SummaryWriter(str(Path(folder) / "tensorboard"))
