"""Check a run: whether its model obeys its parameters."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from cape.atomic import write_text
from cape.checking.leave_one_out import LeftOut, errors_without
from cape.config import load_json
from cape.data import prepare
from cape.datasets.lock import locked
from cape.evaluation.evaluation import KINDS
from cape.evaluation.files import finite
from cape.evaluation.metrics import METRICS_VERSION
from cape.evaluation.parameter_use import RIGHT, ParameterUse, measure_parameter_use
from cape.evaluation.text_table import Table, number
from cape.experiment import Experiment
from cape.pretrained import load
from cape.training.start import leave_out_known, record_before

FILE = "check.json"
_NOT_ERRORS = ("parameters", "kind", "samples")


@dataclass(frozen=True, eq=False, repr=False)
class Check:
    """What `cape.check` returns. Printed, it is a table of errors and a verdict.

    Attributes:
        use: errors with right and with wrong parameters at each value of the test data.
        left_out: the errors at values that were left out of the training; empty unless they were asked for.
    """

    use: ParameterUse
    left_out: tuple[LeftOut, ...] = ()

    @property
    def kinds(self) -> dict[str, float]:
        """The nRMSE with the right parameters, as a mean over the values of each kind."""
        errors = {kind: [row[RIGHT] for row in self.use.rows if row["kind"] == kind] for kind in KINDS}
        return {kind: float(np.mean(found)) for kind, found in errors.items() if found}

    def __str__(self) -> str:
        tables = [_control_table(self), *([_left_out_table(self.left_out)] if self.left_out else [])]
        return "\n\n".join([*map(str, tables), self.use.verdict])

    def __repr__(self) -> str:
        return f"<Check: {self.use.verdict}>"

    def write(self, path: Path) -> Path:
        """Write everything as JSON, atomically; numbers that are not finite become null."""
        content = {
            "metrics_version": METRICS_VERSION,
            "verdict": self.use.verdict,
            "obeys": self.use.obeys,
            "errors": self.use.errors,
            "ratios": self.use.ratios,
            "kinds": self.kinds,
            "rows": list(self.use.rows),
            "leave_one_out": [asdict(value) | {"ratio": value.ratio} for value in self.left_out],
        }
        return write_text(path, json.dumps(finite(content), indent=1, allow_nan=False) + "\n")


def check(run: str | Path, *, leave_one_out: bool = False, progress: bool = True) -> Check:
    """Measure whether the model of a run obeys its parameters; this is `cape.check`.

    The test data of the run are rolled out with the right parameters, with those of another value and with the mean of
    the trained ones. A model that uses its parameters has much larger errors with wrong ones. The result is also
    written to check.json in the folder of the run.

    Args:
        run: folder of a run that was trained.
        leave_one_out: also train once without each trained value, with the settings of the run, and measure the error
            at that value. The trainings are in check/ in the folder of the run. A stopped check continues.
        progress: show progress bars.

    Raises:
        ValueError: this is not the folder of a run, the data are not those it was trained on, or values cannot be left
            out (see `errors_without`).
        FolderInUse: a training is running in the folder.
    """
    run = Path(run)
    if not ((run / "config.json").is_file() and (run / "model").is_dir()):
        raise ValueError(f"{run}: expected the folder of a run, with config.json and model/ in it")
    with locked(run):
        surrogate, experiment = load(run), load_json(Experiment, run / "config.json")
        data = leave_out_known(prepare(experiment.data, progress=progress), record_before(surrogate))
        if surrogate.trained_on is not None and set(surrogate.trained_on) != set(data.trained_on):
            raise ValueError(
                f"{run}: the data are not those it was trained on: the split by initial condition differs"
            )
        values = surrogate.problem.training_values
        use = measure_parameter_use(surrogate.at, data.test, values, window=surrogate.window)
        result = Check(use)
        if leave_one_out:
            result.write(run / FILE)  # first, so that it is there if the trainings are stopped
            left_out = errors_without(run / "check", experiment, surrogate, data, progress=progress)
            result = Check(use, left_out)
        result.write(run / FILE)
        return result


def _control_table(check: Check) -> Table:
    """Lay out the errors at each value, their means over each kind, and the ratios of the controls."""
    use = check.use
    names, controls = list(use.rows[0]["parameters"]), list(use.errors)
    rows = [
        [
            *(f"{value:.4g}" for value in row["parameters"].values()),
            row["kind"],
            str(row["samples"]),
            *(number(row[control]) for control in controls),
        ]
        for row in use.rows
    ]
    blank = [""] * len(names)
    means = [
        [*blank, kind, "", number(mean), *[""] * (len(controls) - 1)] for kind, mean in check.kinds.items()
    ]
    ratios = ["" if name not in use.ratios else f"{use.ratios[name]:.3g}" for name in controls]
    means.append([*blank, "ratio", "", *ratios])
    return Table(
        [*names, "kind", "samples", *controls], rows, means, "nRMSE with right and with wrong parameters"
    )


def _left_out_table(left_out: tuple[LeftOut, ...]) -> Table:
    rows = [
        [
            *(f"{value:.4g}" for value in each.parameters.values()),
            each.kind,
            str(each.samples),
            number(each.trained),
            number(each.without),
            f"{each.ratio:.3g}",
        ]
        for each in left_out
    ]
    head = [*left_out[0].parameters, "kind if left out", "samples", "trained on", "left out", "ratio"]
    return Table(
        head, rows, title="nRMSE at each trained value, and if that value is left out of the training"
    )
