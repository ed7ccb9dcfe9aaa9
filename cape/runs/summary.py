"""The summary of a run: what its folder says of settings, progress, errors and time."""

import dataclasses
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cape.datasets.bounded_text import read_json
from cape.datasets.lock import in_use
from cape.locate import name_without_folder
from cape.training import log
from cape.training.run_folder import CONFIG

_EVALUATION = Path("evaluation") / "evaluation.json"
_MOST_BYTES = 2**28  # of an evaluation


class NotARun(ValueError):
    """A folder holds no run."""


@dataclasses.dataclass(frozen=True)
class RunSummary:
    """What is known of a run.

    Attributes:
        folder: of the run.
        settings: its configuration as nested dictionaries.
        records: the records of its log, one for each epoch.
        errors: mean nRMSE of the evaluation in the folder, by kind of parameter value: "seen" and "unseen". A kind
            without values is absent. Empty: not evaluated.
        written: when the log was last written, in seconds since 1970.
        running: whether a process trains or evaluates in the folder.
        starts: the surrogates that its weights come from, the first one first.
    """

    folder: Path
    settings: Mapping[str, Any]
    records: tuple[Mapping[str, Any], ...]
    errors: Mapping[str, float]
    written: float
    running: bool
    starts: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return str(self.folder)

    @property
    def date(self) -> str:
        """When the log was last written, as a local time."""
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(self.written))

    @property
    def data(self) -> str:
        """The simulated equation, or the name of the first file or folder and the number of others."""
        files = [Path(str(file)).name for file in self.settings["data"].get("files", [])]
        if not files:
            return self.settings["data"]["simulation"]["equation"]
        return files[0] + (f" and {len(files) - 1} more" if files[1:] else "")

    @property
    def model(self) -> str:
        """Conditioning and base solver, such as "cape, fno"."""
        return ", ".join(self.settings["model"][part]["type"] for part in ("conditioning", "base"))

    @property
    def epochs(self) -> int:
        """Number of epochs that are done."""
        return max((record.get("epoch", 0) for record in self.records), default=0)

    @property
    def all_epochs(self) -> int:
        """Number of epochs of the whole training; 0 if the folder does not say."""
        return next((r["epochs"] for r in self.records if "epochs" in r), self.settings["training"]["epochs"])

    @property
    def trained(self) -> bool:
        """Whether all epochs are done."""
        return 0 < self.all_epochs <= self.epochs

    @property
    def finished(self) -> bool:
        """Whether the run is trained and evaluated."""
        return self.trained and bool(self.errors)

    @property
    def state(self) -> str:
        """What the run has done, in words: "finished", "trained", "12/20 epochs", "running, 12/20 epochs"."""
        if self.trained and not self.running:
            return "finished" if self.errors else "trained"
        of_all = f"/{self.all_epochs}" if self.all_epochs else ""
        return f"{'running, ' if self.running else ''}{self.epochs}{of_all} epochs"

    @property
    def validation_error(self) -> float:
        """Validation error of the weights that are kept; NaN before the first validation."""
        kept = [r["validation_error"] for r in self.records if r.get("kept")]
        return kept[-1] if kept else math.nan

    @property
    def seconds(self) -> float:
        """Seconds that all epochs took together."""
        return sum(record.get("seconds") or 0.0 for record in self.records)


def read_summary(folder: str | Path) -> RunSummary:
    """Read the summary of a run.

    Raises:
        NotARun: the folder holds no run.
        ValueError: a file in it is damaged.
    """
    folder = Path(folder)
    if not (folder / CONFIG).is_file():
        raise NotARun(f"{folder}: not a run (no {CONFIG})")
    settings = _read(folder / CONFIG)
    if "format" in settings:
        raise NotARun(f"{folder}: a pretrained surrogate, not a run")
    _check_settings(settings, folder / CONFIG)
    file, evaluation = folder / log.FILE, folder / _EVALUATION
    written = (file if file.is_file() else folder / CONFIG).stat().st_mtime
    return RunSummary(
        folder=folder,
        settings=settings,
        records=tuple(log.read(file)) if file.is_file() else (),
        errors=_errors(evaluation) if evaluation.is_file() else {},
        written=written,
        running=in_use(folder),
        starts=_starts(folder, settings),
    )


def _read(file: Path, most_bytes: int = 2**22) -> dict[str, Any]:
    try:
        content = read_json(file, most_bytes)
        if not isinstance(content, dict):
            raise ValueError(f"expected an object, got {type(content).__name__}")
    except (OSError, ValueError) as error:
        raise ValueError(f"{file}: damaged ({error})") from error
    return content


def _check_settings(settings: Mapping[str, Any], file: Path) -> None:
    """Check that the settings which a summary shows are there."""
    try:
        texts = [settings["data"]["simulation"]["equation"]]
        texts += [settings["model"][part]["type"] for part in ("conditioning", "base")]
        files, epochs = settings["data"].get("files", []), settings["training"]["epochs"]
    except (KeyError, TypeError, AttributeError) as error:
        raise NotARun(f"{file.parent}: not a run of this version ({file.name} lacks {error})") from error
    right = all(isinstance(text, str) for text in texts) and isinstance(files, list) and type(epochs) is int
    if not right:
        raise ValueError(f"{file}: damaged (a setting has the wrong type)")


def _starts(folder: Path, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Read the chain of starts from the lineage of the model, or the last one from the settings if there is none."""
    file = folder / "model" / CONFIG
    try:
        model = settings.get("start", {}).get("model", "")
        lineage = _read(file).get("lineage", []) if model and file.is_file() else []
        chain = tuple(str(stage["start"]) for stage in lineage if stage["start"])
        return chain or ((name_without_folder(model),) if model else ())
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file}: damaged ({error!r})") from error


def _errors(file: Path) -> dict[str, float]:
    """Read the mean nRMSE of each kind; an error that is not finite is infinite here."""
    content = _read(file, _MOST_BYTES)
    try:
        summary = content["summary"]
        found = {kind: summary[kind]["nRMSE"] for kind in ("seen", "unseen") if kind in summary}
        return {kind: math.inf if error is None else float(error) for kind, error in found.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file}: damaged ({error!r}); evaluate again") from error
