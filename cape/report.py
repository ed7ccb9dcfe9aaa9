"""The report of a surrogate: its errors at parameter values that were seen in training or not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cape.datasets.trajectories import Trajectories
from cape.evaluation import files
from cape.evaluation.error_tables import evaluation_tables, protocol_tables
from cape.evaluation.evaluate import evaluate as measure
from cape.evaluation.evaluation import Evaluation
from cape.evaluation.protocols import Study, run_protocols
from cape.evaluation.text_table import Table
from cape.figures.palette import KIND_COLOURS
from cape.inference.resampling import in_time_steps, on_doubled_grid, on_training_grid
from cape.surrogate import Surrogate
from cape.uncertainty.example_bands import with_bands

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SYMBOLS = {"seen": "●", "interpolated": "■", "extrapolated": "▲"}


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """What `cape.evaluate` returns: printed, it is a table; in a notebook, it is an HTML table.

    Attributes:
        evaluation: the errors at each parameter value, and examples of truth and prediction.
        protocols: the rows of each protocol by name (see `cape.evaluation.protocols`), or None if none was run.
        data: what was evaluated: the samples that are left, on the grid and with the time step of the training.
    """

    evaluation: Evaluation
    protocols: Mapping[str, list[dict]] | None = None
    data: Trajectories | None = None

    def __str__(self) -> str:
        return "\n\n".join(map(str, self._tables))

    def __repr__(self) -> str:
        errors = (f"{kind} {mean['nRMSE']:.3g}" for kind, mean in self.evaluation.summary.items())
        return f"<Report of {len(self.evaluation.rows)} parameter values, mean nRMSE: {', '.join(errors)}>"

    def _repr_html_(self) -> str:
        return "\n".join(
            _html(table) if isinstance(table, Table) else f"<p>{escape(table)}</p>" for table in self._tables
        )

    def figures(self) -> dict[str, "Figure"]:
        """Draw every figure of the evaluation; return them by name.

        Raises:
            ImportError: matplotlib is not installed.
        """
        from cape.figures.evaluation_figures import evaluation_figures

        return dict(evaluation_figures(self.evaluation))

    def write(self, folder: str | Path, *, figures: bool = False, animations: bool = False) -> list[Path]:
        """Write the report into a folder, which is made if it is missing; return the paths of the files.

        Args:
            folder: gets evaluation.json and evaluation.csv; older files are replaced.
            figures: also write every figure, as PNG.
            animations: also write an animation of truth and prediction, as GIF, for one parameter value of each kind.

        Raises:
            ImportError: figures or animations need matplotlib, which is not installed.
        """
        from cape.figures.evaluation_figures import write_animations, write_figures

        paths = list(files.write(self.evaluation, folder, self.protocols))
        paths += write_figures(self.evaluation, folder) if figures else []
        return paths + (write_animations(self.evaluation, folder) if animations else [])

    @property
    def _tables(self) -> list[Table | str]:
        """The tables of the evaluation and of the protocols; a line of text for a protocol without rows."""
        return [*evaluation_tables(self.evaluation), *protocol_tables(self.protocols or {})]


def evaluate(
    surrogate: Surrogate,
    data: Trajectories,
    *,
    steps: int | None = None,
    protocols: bool = False,
    space_stride: int = 0,
    time_stride: int = 0,
    all_samples: bool = False,
) -> Report:
    """Measure the errors of a surrogate's rollouts at each parameter value of the data.

    The data are put on the grid and the time step of the training. Initial conditions that the surrogate was trained or
    validated on are left out, if it knows them (`ConditionRecord.holds`). Parameter values are seen, interpolated or
    extrapolated compared with the values the surrogate was trained on.

    Args:
        surrogate: what to evaluate.
        data: the truth, such as `cape.open` returns it.
        steps: number of steps of the rollouts; default: all that the data have.
        protocols: also measure whether the surrogate uses its parameters and how its error grows away from the
            training data (see `cape.evaluation.protocols`).
        space_stride: use every n-th point of each axis; 0: those of the training grid, or all if it is another grid.
        time_stride: use every n-th frame; 0: frames one step of the surrogate apart.
        all_samples: also evaluate on initial conditions that were trained or validated on.

    Raises:
        ValueError: the data are of another problem than the surrogate's, their frames do not fit its time step, they
            have fewer steps than asked for, or every initial condition was trained or validated on.
    """
    problem, window = surrogate.problem, surrogate.window
    trajectories = in_time_steps(problem, on_training_grid(problem, data, space_stride), time_stride)
    every_point = in_time_steps(problem, data, time_stride)
    if not all_samples:
        trajectories, every_point = (new_to(surrogate, samples) for samples in (trajectories, every_point))
    evaluation = measure(surrogate.at, trajectories, problem.training_values, steps=steps, window=window)
    evaluation = with_bands(surrogate, evaluation)
    evaluated = trajectories.first_frames(len(evaluation.times) + window.history)
    if not protocols:
        return Report(evaluation, data=evaluated)
    as_trained = tuple(trajectories.resolution) == tuple(problem.resolution)
    finer = on_doubled_grid(problem, every_point) if as_trained else None
    study = Study(surrogate.at, trajectories, evaluation, surrogate.trained_steps, window, finer)
    return Report(evaluation, run_protocols(study), evaluated)


def new_to(surrogate: Surrogate, data: Trajectories) -> Trajectories:
    """Leave out the initial conditions that a surrogate was trained or validated on, if it knows them.

    Raises:
        ValueError: no initial condition is left.
    """
    if surrogate.trained_on is None:
        return data
    record = surrogate.condition_record  # None if it was saved before version 0.2
    new = ~(record.holds(data) if record else np.isin(data.initial_conditions, surrogate.trained_on))
    if not new.any():
        raise ValueError(
            f"{data.source}: every initial condition was trained or validated on; give other data, or set all_samples "
            "to evaluate on them"
        )
    return data.select(new)


def _html(table: Table) -> str:
    """Return a table as HTML. Kinds are marked by a coloured symbol; the text keeps the page's colour."""
    kind = list(table.head).index("kind") if "kind" in table.head else None
    caption = f"<caption>{escape(table.title)}</caption>" if table.title else ""
    parts = [f"<thead>{_line('th', table.head)}</thead>"]
    for tag, rows in (("tbody", table.rows), ("tfoot", table.means)):
        lines = [_line("td", row, kind) for row in rows]
        parts += [f"<{tag}>{''.join(lines)}</{tag}>"] if lines else []
    return f'<table style="text-align: right">{caption}{"".join(parts)}</table>'


def _line(tag: str, cells: Sequence[str], kind: int | None = None) -> str:
    """Return one line of a table; the cell of index `kind` gets the symbol of its kind."""
    texts = [escape(cell) for cell in cells]
    if kind is not None and cells[kind] in _SYMBOLS:
        texts[kind] += f' <span style="color: {KIND_COLOURS[cells[kind]]}">{_SYMBOLS[cells[kind]]}</span>'
    return f"<tr>{''.join(f'<{tag}>{text}</{tag}>' for text in texts)}</tr>"
