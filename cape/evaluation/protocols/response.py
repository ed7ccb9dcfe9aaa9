"""Response: how the solution changes with the parameters, for samples that start from one initial condition.

With u(p) the truth, û(p) the prediction and q the middle one of the trained values, the change of the solution is
d = u(p) - u(q) in the truth and d̂ = û(p) - û(q) in the prediction. Over all frames, points, channels and samples

    cosine    = ⟨d̂, d⟩ / (|d̂| |d|)        1 if the prediction changes in the right direction
    amplitude = |d̂| / |d|                  1 if it changes as much as the truth

with each channel divided by its standard deviation in the truth at q.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from cape.evaluation.grouping import group_by_value
from cape.evaluation.protocols.protocol import Protocol
from cape.evaluation.protocols.study import Study

MOST_INITIAL_CONDITIONS = 8
_SAME_START = 1e-3  # first frames are equal if they differ by less than this part of their largest value

Frame = Float[np.ndarray, "*space channel"]
Frames = Float[np.ndarray, "time *space channel"]


def response(study: Study) -> list[dict]:
    """Compare the change of prediction and truth with the parameters; no rows if no samples start alike."""
    groups = list(group_by_value(study.truth.parameters, study.evaluation.training_values))
    trained = [number for number, (_, kind, _) in enumerate(groups) if kind == "seen"] or list(
        range(len(groups))
    )
    centre = trained[len(trained) // 2]
    read = _reader(study)
    changes = {number: Change() for number in range(len(groups)) if number != centre}
    for sample, partners in _partners(study, [samples for *_, samples in groups], centre):
        start, truth, prediction = read(sample)
        std = truth.std(axis=tuple(range(truth.ndim - 1)))
        std = np.where(std > 0, std, 1.0)
        for number, partner in partners.items():
            other_start, other_truth, other_prediction = read(partner)
            if np.abs(other_start - start).max() > _SAME_START * np.abs(start).max():
                continue  # the files give different initial conditions the same number
            changes[number].add((other_truth - truth) / std, (other_prediction - prediction) / std)
    names = study.trajectories.parameter_names
    return [
        {
            "parameters": dict(zip(names, groups[number][0].tolist(), strict=True)),
            "relative_to": dict(zip(names, groups[centre][0].tolist(), strict=True)),
            "kind": groups[number][1],
            **change.measured,
        }
        for number, change in changes.items()
        if change.samples and change.squares[2] > 0
    ]


@dataclass
class Change:
    """Sums over samples of ⟨d̂, d⟩, |d̂|² and |d|²."""

    samples: int = 0
    squares: Float[np.ndarray, "3"] = field(default_factory=lambda: np.zeros(3))

    def add(self, true: Frames, predicted: Frames) -> None:
        """Add d and d̂ of one sample."""
        d, guess = (change.astype(np.float64).ravel() for change in (true, predicted))
        self.squares += (guess @ d, guess @ guess, d @ d)
        self.samples += 1

    @property
    def measured(self) -> dict[str, float]:
        """Number of samples, cosine and amplitude."""
        cross, guessed, true = self.squares
        return {
            "samples": self.samples,
            "cosine": float(cross / np.sqrt(guessed * true)) if guessed > 0 else 0.0,
            "amplitude": float(np.sqrt(guessed / true)),
        }


def _reader(study: Study) -> Callable[[int], tuple[Frame, Frames, Frames]]:
    """Return a function: sample number -> first frame, truth and prediction of the predicted frames."""
    truth, window = study.truth, study.window
    advance = jax.jit(lambda p, u: window.rollout(study.step_at(p), u, study.steps))

    def read(sample: int) -> tuple[Frame, Frames, Frames]:
        frames = truth.read([sample])
        parameters = truth.parameters[[sample]].astype(np.float32)
        predicted = advance(jnp.asarray(parameters), jnp.asarray(frames[:, : window.history]))
        return frames[0, 0], frames[0, window.history :], np.asarray(predicted[0])

    return read


def _partners(study: Study, groups: list[np.ndarray], centre: int) -> Iterator[tuple[int, Mapping[int, int]]]:
    """Yield a sample of the central group, and the sample of the same initial condition in each other group.

    At most MOST_INITIAL_CONDITIONS are yielded.
    """
    ids = study.trajectories.initial_conditions
    yielded = 0
    for sample in groups[centre]:
        partners = {
            number: int(same[0])
            for number, samples in enumerate(groups)
            if number != centre and (same := samples[ids[samples] == ids[sample]]).size
        }
        if partners and yielded < MOST_INITIAL_CONDITIONS:
            yielded += 1
            yield int(sample), partners


RESPONSE = Protocol(
    "response",
    response,
    title="change of the solution from one initial condition with the parameters, relative to {relative_to}",
    empty="no parameter response: no initial condition occurs at a trained value and at another one",
)
