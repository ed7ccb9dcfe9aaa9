"""MLflow. Its environment variables say where records go: MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME, and so on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from cape.config import flat
from cape.training.tracker import TRACKERS, Tracker, run_id

_LONGEST = 500  # characters that MLflow takes as a value


@TRACKERS.register("mlflow")
class MLflow(Tracker):
    """Record a run in MLflow. A resumed training continues its record."""

    package: ClassVar[str] = "mlflow"
    install: ClassVar[str] = "'cape-jax[mlflow]'"

    def start(self, config: Mapping[str, Any], folder: Path | None) -> None:
        import mlflow

        name = None if folder is None else Path(folder).name
        nested = mlflow.active_run() is not None  # a run that the user has open in the same process

        def new() -> str:
            return mlflow.start_run(run_name=name, nested=nested).info.run_id

        identity, is_new = run_id("mlflow", folder, new)
        if is_new:
            mlflow.log_params({key: str(value)[:_LONGEST] for key, value in flat(config)})
        else:
            mlflow.start_run(run_id=identity, nested=nested)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        import mlflow

        mlflow.log_metrics(dict(values), step=step)

    def finish(self) -> None:
        import mlflow

        mlflow.end_run()
