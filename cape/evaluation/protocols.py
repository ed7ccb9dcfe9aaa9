"""Does a surrogate obey its parameters, and how far does it go? Five protocols beside the errors of `evaluate`.

Controls: the same rollouts with wrong parameters. `shuffled` gives every sample the parameters of another value,
`mean` those in the middle of the trained ones. A surrogate that obeys its parameters does much worse so; one that
ignores them does as well.

Response: samples that start from one initial condition at several parameters. With u(p) the truth, û(p) the prediction
and q a trained value in the middle of the others, the change of the solution with the parameters is
d = u(p) - u(q) in the truth and d̂ = û(p) - û(q) in the prediction, and over all frames, points, channels and samples

    cosine    = ⟨d̂, d⟩ / (|d̂| |d|)        1 where the prediction changes in the right direction
    amplitude = |d̂| / |d|                  1 where it changes as much as the truth

each channel divided by its standard deviation in the truth at q.

Distance: the mean nRMSE of values between the trained ones, and up to twice, up to ten times and further outside of
their range, beside that of the trained ones.

Horizon: the mean nRMSE of the steps a surrogate was trained for, and of as many after them.

Resolution: the mean nRMSE on the grid of the training, and on one with twice as many points along every axis.
"""

from collections.abc import Callable, Iterator, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cape.datasets.trajectories import Trajectories
from cape.evaluation.evaluate import KINDS, Evaluation, evaluate, group_by_value
from cape.rollout import Step
from cape.window import ONE_FRAME, Window

FAR = (2.0, 10.0)  # times outside of the trained range
MOST_INITIAL_CONDITIONS = 8  # of which the response is computed
_SAME_START = 1e-3  # difference of first frames, relative to their largest value, below which they are one
StepAt = Callable[[Float[Array, "batch parameter"]], Step]


def run_protocols(
    step_at: StepAt,
    trajectories: Trajectories,
    evaluation: Evaluation,
    trained_steps: int,
    seed: int = 0,
    finer: Trajectories | None = None,
    window: Window = ONE_FRAME,
) -> dict:
    """Run every protocol; give a list of dicts that goes to JSON for each, by name, in the order of this page.

    A list is empty where the data allow no such protocol: one parameter value, no initial condition at two values,
    no untrained value, no frame after the trained steps, no finer grid.

    Args:
        step_at: parameters -> one-step map, as in `evaluate`.
        trajectories: what `evaluation` was computed on.
        evaluation: of the same step_at with the right parameters.
        trained_steps: the longest rollout of the training, in frames after those given.
        seed: of the order in which parameters are shuffled.
        finer: the same trajectories on a grid twice as fine, where there is one.
        window: as in `evaluate`.
    """
    steps = len(evaluation.times)
    trajectories = trajectories.first_frames(steps + window.history)
    return {
        "controls": controls(step_at, trajectories, evaluation, seed, window),
        "response": response(step_at, trajectories, evaluation.training_values, window),
        "distance": distance(evaluation),
        "horizon": horizon(evaluation, trained_steps),
        "resolution": [] if finer is None else resolution(step_at, finer, evaluation, window),
    }


def controls(
    step_at: StepAt,
    trajectories: Trajectories,
    evaluation: Evaluation,
    seed: int = 0,
    window: Window = ONE_FRAME,
) -> list[dict]:
    """Measure nRMSE per parameter value with the right, the shuffled and the mean parameters."""
    values = np.unique(trajectories.parameters.astype(np.float32), axis=0)
    if len(values) < 2:
        return []
    order = np.random.default_rng(seed).permutation(len(values))
    other = np.empty_like(values)
    other[order] = values[np.roll(order, 1)]  # a cycle through all values: none keeps its own
    middle = np.broadcast_to(_middle(evaluation.training_values).astype(np.float32), values.shape)

    def with_table(table: np.ndarray) -> list[float]:
        def wrong(parameters):
            own = (parameters[:, None, :] == jnp.asarray(values)[None, :, :]).all(axis=-1)
            return step_at(jnp.asarray(table)[jnp.argmax(own, axis=1)])

        rows = evaluate(
            wrong,
            trajectories,
            evaluation.training_values,
            steps=len(evaluation.times),
            examples=False,
            window=window,
        ).rows
        return [row.values["nRMSE"] for row in rows]

    shuffled, mean = with_table(other), with_table(middle)
    return [
        {
            "parameters": row.parameters,
            "kind": row.kind,
            "right": row.values["nRMSE"],
            "shuffled": s,
            "mean": m,
        }
        for row, s, m in zip(evaluation.rows, shuffled, mean, strict=True)
    ]


def response(
    step_at: StepAt,
    trajectories: Trajectories,
    training_values: Float[np.ndarray, "value parameter"],
    window: Window = ONE_FRAME,
) -> list[dict]:
    """Compare how solutions from one initial condition change with the parameters, against a trained value."""
    groups = list(group_by_value(trajectories.parameters, training_values))
    trained = [number for number, (_, kind, _) in enumerate(groups) if kind == "seen"] or range(len(groups))
    center = list(trained)[len(trained) // 2]
    given = window.history
    advance = jax.jit(lambda p, u: window.rollout(step_at(p), u, trajectories.frames - given))

    def both(sample: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give first frame, truth and prediction after those given, without the batch axis."""
        frames = trajectories.read([sample])
        parameters = trajectories.parameters[[sample]].astype(np.float32)
        predicted = advance(jnp.asarray(parameters), jnp.asarray(frames[:, :given]))
        return frames[0, 0], frames[0, given:], np.asarray(predicted[0])

    sums = {number: np.zeros(4) for number in range(len(groups)) if number != center}
    for sample, partners in _matched(trajectories, [samples for *_, samples in groups], center):
        start, truth, prediction = both(sample)
        scale = truth.std(axis=tuple(range(truth.ndim - 1)))
        scale = np.where(scale > 0, scale, 1.0)
        for number, partner in partners.items():
            other_start, other_truth, other_prediction = both(partner)
            if np.abs(other_start - start).max() > _SAME_START * np.abs(start).max():
                continue  # the files number their initial conditions alike, but they are not
            d = ((other_truth - truth) / scale).astype(np.float64).ravel()
            guess = ((other_prediction - prediction) / scale).astype(np.float64).ravel()
            sums[number] += (guess @ d, guess @ guess, d @ d, 1)
    found = []
    for number, (cross, guessed, true, count) in sums.items():
        value, kind, _ = groups[number]
        if count and true > 0:
            found.append(
                {
                    "parameters": _named(trajectories, value),
                    "relative_to": _named(trajectories, groups[center][0]),
                    "kind": kind,
                    "samples": int(count),
                    "cosine": float(cross / np.sqrt(guessed * true)) if guessed > 0 else 0.0,
                    "amplitude": float(np.sqrt(guessed / true)),
                }
            )
    return found


def distance(evaluation: Evaluation) -> list[dict]:
    """Compare the mean nRMSE of untrained values, by their distance from the trained range, with that of trained."""
    low, high = evaluation.training_values.min(axis=0), evaluation.training_values.max(axis=0)
    places = ("trained", "between", *(f"up to {times:g} times outside" for times in FAR), "further outside")
    errors: dict[str, list[float]] = {place: [] for place in places}
    for row in evaluation.rows:
        place = {"seen": 0, "interpolated": 1}.get(row.kind)
        if place is None:
            times = _times_outside(np.array(list(row.parameters.values())), low, high)
            place = 2 + int(np.searchsorted(FAR, times * (1 - 1e-6)))
        errors[places[place]].append(row.values["nRMSE"])
    if not errors["trained"] or len(errors["trained"]) == len(evaluation.rows):
        return []
    trained = np.mean(errors["trained"])
    return [
        {
            "values": place,
            "count": len(found),
            "nRMSE": float(np.mean(found)),
            "ratio": float(np.mean(found) / trained),
        }
        for place, found in errors.items()
        if found
    ]


def _times_outside(value: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """How many times further than the trained range the most extreme parameter lies: its ratio to the nearer end."""
    largest = np.maximum(np.abs(low), np.abs(high))
    beyond = np.abs(value) / np.where(largest > 0, largest, np.finfo(float).tiny)
    positive = (low > 0) & (value > 0)
    below = np.divide(low, value, where=positive, out=np.where(low > 0, np.inf, 0.0))
    return float(np.maximum(beyond, below).max())


def resolution(
    step_at: StepAt, finer: Trajectories, evaluation: Evaluation, window: Window = ONE_FRAME
) -> list[dict]:
    """Compare the mean nRMSE on a finer grid with that on the grid of `evaluation`, per kind of values."""
    steps = len(evaluation.times)
    values = evaluation.training_values
    fine = evaluate(step_at, finer, values, steps=steps, examples=False, window=window)
    return [
        {
            "kind": kind,
            "trained_grid": evaluation.summary[kind]["nRMSE"],
            "twice_as_fine": errors["nRMSE"],
            "ratio": errors["nRMSE"] / evaluation.summary[kind]["nRMSE"],
        }
        for kind, errors in fine.summary.items()
        if kind in KINDS
    ]


def horizon(evaluation: Evaluation, trained_steps: int) -> list[dict]:
    """Compare the mean nRMSE of the trained steps with that of up to as many after them, per kind of values."""
    steps = min(2 * trained_steps, len(evaluation.times))
    if not 0 < trained_steps < steps:
        return []
    found = []
    for kind in KINDS:
        curves = [row.over_time["nRMSE"] for row in evaluation.rows if row.kind == kind]
        if curves:
            mean = np.mean(curves, axis=0)
            within, beyond = mean[:trained_steps].mean(), mean[trained_steps:steps].mean()
            found.append(
                {
                    "kind": kind,
                    "trained_steps": trained_steps,
                    "steps": steps,
                    "within": float(within),
                    "beyond": float(beyond),
                }
            )
    return found


def _matched(
    trajectories: Trajectories, groups: list[np.ndarray], center: int
) -> Iterator[tuple[int, Mapping[int, int]]]:
    """Yield (a sample at the centre, {group: its sample of the same initial condition}), a few of them."""
    ids = trajectories.initial_conditions
    yielded = 0
    for sample in groups[center]:
        partners = {
            number: int(same[0])
            for number, samples in enumerate(groups)
            if number != center and (same := samples[ids[samples] == ids[sample]]).size
        }
        if partners and yielded < MOST_INITIAL_CONDITIONS:
            yielded += 1
            yield int(sample), partners


def _middle(values: Float[np.ndarray, "value parameter"]) -> np.ndarray:
    """Mean of each parameter, of its logarithm where all values are above 0 and spread over a decade or more."""
    wide = (values.min(axis=0) > 0) & (values.max(axis=0) >= 10 * values.min(axis=0))
    logarithms = np.log(np.where(wide, values, 1.0))
    return np.where(wide, np.exp(logarithms.mean(axis=0)), values.mean(axis=0))


def _named(trajectories: Trajectories, value: np.ndarray) -> dict[str, float]:
    return dict(zip(trajectories.parameter_names, value.tolist(), strict=True))
