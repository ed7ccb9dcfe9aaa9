"""TensorBoard: event files in the folder of the run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from cape.training.tracker import TRACKERS, Tracker


@TRACKERS.register("tensorboard")
class TensorBoard(Tracker):
    """Write event files to `folder/tensorboard`; show them with `tensorboard --logdir FOLDER`."""

    package: ClassVar[str] = "tensorboardX"
    install: ClassVar[str] = "'cape-jax[tensorboard]'"

    def start(self, config: Mapping[str, Any], folder: Path | None) -> None:
        from tensorboardX import SummaryWriter

        if folder is None:
            raise ValueError("TensorBoard needs a run folder to write to; give `folder`")
        self._writer = SummaryWriter(str(Path(folder) / "tensorboard"))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def finish(self) -> None:
        self._writer.close()
