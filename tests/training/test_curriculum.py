"""Curricula: from teacher forcing to autoregressive, and what is refused."""

import numpy as np
import pytest

from cape.training import curriculum as curricula

TRANSITIONS = {
    "linear": curricula.LinearTransition(),
    "cosine": curricula.CosineTransition(),
    "step": curricula.StepTransition(),
    "tanh": curricula.TanhTransition(),
}


@pytest.mark.parametrize("frames", [2, 3, 21, 41])
def test_every_transition_starts_with_the_truth_and_ends_with_predictions(frames):
    transitions = frames - 1
    for curriculum in TRANSITIONS.values():
        plans = [curriculum.plan(s, transitions) for s in np.linspace(0, 1, 50, endpoint=False)]
        autoregressive = [plan.autoregressive for plan in plans]
        assert autoregressive[0] == 1
        assert autoregressive == sorted(autoregressive)
        assert autoregressive[-1] >= transitions - 1
        assert max(autoregressive) <= transitions
    assert curricula.Autoregressive().plan(0.0, transitions).autoregressive == transitions
    assert curricula.TeacherForcing().plan(1.0, transitions).autoregressive == 1


def test_only_pushforward_has_pushes():
    for name, curriculum in curricula.CURRICULA.parts.items():
        assert curriculum.pushes_forward == (curriculum().plan(0.5, 5).pushes > 0) == (name == "pushforward")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: curricula.Pushforward(pushes=0), "pushes of at least 1"),
        (lambda: curricula.TanhTransition(width=0.0), "positive width"),
        (lambda: curricula.LinearTransition(start=0.7, end=0.7), "start < end"),
    ],
)
def test_impossible_curricula_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
