"""Model cards: what a pretrained surrogate solves, what it was trained on, and how large its errors are."""

import dataclasses
import math

from cape.datasets.equations.equation import EQUATIONS
from cape.datasets.trajectories import Trajectories
from cape.evaluation.evaluate import Evaluation
from cape.experiment import Experiment
from cape.problem import Problem

_MOST_LISTED_VALUES = 16
_SHOWN = ("nRMSE", "nRMSE_median", "RMSE", "persistence_nRMSE")
_NAMED_LICENCES = {"Apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0"}


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """The facts on a card; `text` lays them out as Markdown.

    Attributes:
        name: by which the surrogate is loaded.
        licence: of the weights (and of a simulated sample), as an SPDX identifier.
        problem, experiment, evaluation: of the run.
        parameter_count: trained numbers.
        samples: trajectories trained, validated and evaluated on.
        files: names of the data files; empty where the data were simulated by the run.
        training_sha256: of the training data, see the card.
        sample: what sample.hdf5 holds.
        versions: of the packages that wrote the folder.
    """

    name: str
    licence: str
    problem: Problem
    experiment: Experiment
    evaluation: Evaluation
    parameter_count: int
    samples: tuple[int, int, int]
    files: tuple[str, ...]
    training_sha256: str
    sample: Trajectories
    versions: dict[str, str]

    @property
    def text(self) -> str:
        sections = (_front_matter, _title, _use, _equation, _grid, _errors, _data, _training, _contents)
        return "\n\n".join(section(self) for section in sections) + "\n"


def _front_matter(card: ModelCard) -> str:
    tags = ("pde", "neural-operator", "surrogate", "jax", card.problem.equation)
    lines = ["---", f"license: {card.licence.lower()}", "library_name: cape-jax", "tags:"]
    return "\n".join([*lines, *(f"- {tag}" for tag in tags), "---"])


def _title(card: ModelCard) -> str:
    problem, model, known = card.problem, card.experiment.model, EQUATIONS.get(card.problem.equation)
    title = known.title if known and known.title else problem.equation
    return (
        f"# {card.name}\n\n"
        f"A neural surrogate of {title} in {problem.dimension}D: one step advances {_and(problem.channels)} by "
        f"{problem.dt:.4g}, at any {_and(problem.parameters)} of the trained range. "
        f"{type(model.conditioning).__name__} around {type(model.base).__name__}, {card.parameter_count:,} "
        "trained parameters."
    )


def _use(card: ModelCard) -> str:
    problem, history = card.problem, card.experiment.model.history
    given, taken = ((history,), f":{history}") if history > 1 else ((), "0")
    shape = ", ".join(map(str, (card.sample.samples, *given, *problem.resolution, len(problem.channels))))
    values = ", ".join(
        f'"{n}": {_between(a, b):.2g}'
        for n, a, b in zip(problem.parameters, problem.low, problem.high, strict=True)
    )
    return f"""```python
import cape
from cape.datasets.opening import open_files
from cape.locate import locate

surrogate = cape.load("{card.name}")
u0 = open_files(locate("{card.name}") / "sample.hdf5").read()[:, {taken}]  # [{shape}]; or your own
frames = surrogate.rollout(u0, {{{values}}}, steps={_steps(card)})
```"""


def _equation(card: ModelCard) -> str:
    problem = card.problem
    known = EQUATIONS.get(problem.equation)
    known = known if known and known.parameter_names == problem.parameters else None
    meanings = {p.name: p.meaning for p in known.parameters} if known else {}
    rows = [["parameter", "meaning", "unit", "trained range", "values trained on"]]
    for i, name in enumerate(problem.parameters):
        values = sorted({vector[i] for vector in problem.values})
        listed = ", ".join(f"{v:g}" for v in values) if 0 < len(values) <= _MOST_LISTED_VALUES else "many"
        interval = f"{problem.low[i]:g} to {problem.high[i]:g}"
        rows.append([name, meanings.get(name, "as in the data"), "dimensionless", interval, listed])
    formula = f"    {known.formula}\n\n" if known else ""
    axes = zip(problem.origin, problem.length, problem.resolution, problem.boundaries, strict=True)
    domain = " x ".join(f"{_interval(*axis)} ({kind})" for *axis, kind in axes)
    return (
        f"## Equation\n\n{formula}for {_and(problem.channels)} on {domain}. All quantities are dimensionless, time "
        f"and space included.\n\n{_table(rows)}"
    )


def _grid(card: ModelCard) -> str:
    problem = card.problem
    return (
        "## Trained on\n\n"
        f"{' x '.join(map(str, problem.resolution))} points (values at cell centres), a time step of "
        f"{problem.dt:.6g}, {_rollouts(card)} (to t = {problem.dt * problem.steps:.4g}). "
        "Longer rollouts and parameters out of range are extrapolation: expect larger errors than below. "
        "`rollout` warns of parameters out of range."
    )


def _steps(card: ModelCard) -> int:
    return card.experiment.model.window.predicted(card.problem.steps + 1, card.problem.equation)


def _rollouts(card: ModelCard) -> str:
    model, steps = card.experiment.model, _steps(card)
    if model.history == 1:
        return f"rollouts of {steps} steps"
    several = f", {model.bundle} at once" if model.bundle > 1 else ""
    return f"rollouts of {steps} frames after {model.history} given ones{several}"


def _errors(card: ModelCard) -> str:
    evaluation = card.evaluation
    channels = tuple(evaluation.rows[0].channels)
    diverged = any(row.diverged for row in evaluation.rows)
    head = [*evaluation.parameter_names, "value is", "trajectories", *(["diverged"] if diverged else [])]
    head += ["nRMSE", "median nRMSE", "RMSE", "nRMSE of persistence", *(f"nRMSE of {c}" for c in channels)]

    def row(
        values: list[str], kind: str, counts: tuple[int, int], figures: dict, by_channel: dict
    ) -> list[str]:
        shown = [figures[name] for name in _SHOWN] + [by_channel[c]["nRMSE"] for c in channels]
        return [*values, kind, *map(str, counts if diverged else counts[:1]), *map(_number, shown)]

    rows = [head]
    for r in evaluation.rows:
        values = [f"{v:.4g}" for v in r.parameters.values()]
        rows.append(row(values, r.kind, (r.samples, r.diverged), r.values, r.channels))
    for kind, mean in evaluation.summary.items():
        values = ["**mean**", *[""] * (len(evaluation.parameter_names) - 1)]
        rows.append(row(values, kind, (mean["samples"], mean["diverged"]), mean, mean["channels"]))
    return (
        "## Errors\n\n"
        f"Rollouts of {len(evaluation.times)} steps from initial conditions that neither training nor validation "
        "saw, at parameter values that training saw (seen), and others inside (interpolated) and outside "
        "(extrapolated) their range. nRMSE is the root mean square error over the root mean square of the truth, "
        "averaged over frames and trajectories (the median is over trajectories); persistence repeats the last "
        f"frame given.\n\n{_table(rows)}"
    )


def _data(card: ModelCard) -> str:
    data = card.experiment.data
    if card.files:
        made = "Read from the files\n\n" + "\n".join(f"- {name}" for name in card.files) + "\n"
    else:
        what, equation = data.simulation.complete, EQUATIONS[data.simulation.equation]
        scheme = f", solved {equation.scheme}" if equation.scheme else ""
        made = (
            f"Simulated by `cape.datasets.simulate`{scheme}: {'; '.join(what.parameters)}, {what.samples} trajectories "
            f"per file, {what.resolution} points, {what.frames} frames to t = {what.t_end:g}, seed {what.seed}."
        )
    strides = [
        f"every {_nth(n)} {of}"
        for n, of in ((data.space_stride, "point"), (data.time_stride, "frame"))
        if n > 1
    ]
    used = f" Used: {' and '.join(strides)}." if strides else ""
    held_out = f" Never trained on: {', '.join(data.held_out)}." if data.held_out else ""
    train, validation, test = card.samples
    return (
        f"## Data\n\n{made}{used}{held_out} By initial condition (split seed {data.split_seed}), {train} trajectories "
        f"are trained on, {validation} choose the best weights, {test} are evaluated on.\n\n"
        f"SHA-256 of the training data, i.e. of the parameters (float64 [trajectory, parameter]) followed by the "
        f"fields (float32 [trajectory, time, *space, channel]), both little-endian:\n`{card.training_sha256}`"
    )


def _training(card: ModelCard) -> str:
    training = card.experiment.training
    files = ", with the files above in the working folder" if card.files else ""
    return (
        "## Training\n\nThe settings are in training.json beside this card; this repeats it"
        f"{files}:\n\n```\ncape train training.json --out runs/{card.name}\n"
        f"cape publish runs/{card.name} --out {card.name} --license {card.licence}\n```\n\n"
        f"{training.epochs} epochs in batches of {training.batch}, seed {training.seed}; kept are the "
        "last weights that validation cannot tell from the best."
    )


def _contents(card: ModelCard) -> str:
    sample, link = card.sample, _NAMED_LICENCES.get(card.licence)
    licence = f"[{card.licence}]({link})" if link else card.licence
    whose = (
        "weights; the sample is an excerpt of the data files, under theirs"
        if card.files
        else "weights and sample"
    )
    versions = ", ".join(f"{name} {version}" for name, version in card.versions.items())
    return (
        "## Files, licence, versions\n\n"
        "- `config.json`: format version, problem and architecture; `weights.safetensors`: the weights, plain arrays\n"
        f"- `sample.hdf5`: {sample.samples} of the trajectories evaluated on, {sample.frames} frames each, in "
        "the layout of PDEBench\n"
        "- `training.json`, `split.json`: the settings, and the initial conditions that training and validation saw\n\n"
        f"{licence} is the licence of {whose}. Written with {versions}."
    )


def _table(rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])


def _number(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e3 else f"{value:.2e}"


def _between(low: float, high: float) -> float:
    return math.sqrt(low * high) if low > 0 else (low + high) / 2


def _interval(origin: float, length: float, points: int) -> str:
    """The extent of an axis, from half a cell before the first centre; rounded, as coordinates are float32."""
    start = round(origin - length / points / 2, 6) + 0.0
    return f"[{start:g}, {start + length:g})"


def _nth(n: int) -> str:
    return f"{n}{ {2: 'nd', 3: 'rd'}.get(n, 'th') }"


def _and(names: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
