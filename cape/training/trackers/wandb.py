"""Weights & Biases. Its environment variables say where records go: WANDB_PROJECT, WANDB_MODE=offline, and so on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from cape.training.tracker import TRACKERS, Tracker, run_id


@TRACKERS.register("wandb")
class WeightsAndBiases(Tracker):
    """Record a run in Weights & Biases, with the number of the update as the horizontal axis.

    Its local files are in `folder/wandb`. A resumed training continues its record.
    """

    package: ClassVar[str] = "wandb"
    install: ClassVar[str] = "'cape-jax[wandb]'"

    def start(self, config: Mapping[str, Any], folder: Path | None) -> None:
        import wandb

        identity, new = run_id("wandb", folder)
        where: dict[str, Any] = {} if folder is None else {"dir": str(folder), "name": Path(folder).name}
        # "create_new": a run that the user has open in the same process is left alone
        self._run = wandb.init(
            config=dict(config), id=identity, resume=None if new else "allow", reinit="create_new", **where
        )
        self._run.define_metric("*", step_metric="update")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log({"update": step, **values})

    def finish(self) -> None:
        self._run.finish()
