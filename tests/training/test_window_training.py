"""Training of surrogates whose steps take several frames."""

import numpy as np
import pytest
from small_trainings import waves_of_either_direction

from cape.evaluation.evaluate import evaluate
from cape.experiment import Experiment
from cape.model.conditionings.film import FiLMConfig
from cape.model.config import ModelConfig
from cape.solvers.fno import FNOConfig
from cape.training.build import build
from cape.training.config import TrainingConfig
from cape.training.fit import fit
from cape.training.objective import Objective
from cape.training.optimisers import AdamW

SMALL = FNOConfig(width=6, modes=3, layers=1, projection=8)


@pytest.mark.thorough
@pytest.mark.usefixtures("standard_promotion")
@pytest.mark.parametrize("objective", [Objective(noise=0.0), Objective(noise=0.0, gradients="through_time")])
def test_with_two_frames_a_surrogate_knows_which_way_waves_go(objective):
    data = waves_of_either_direction()
    training, validation = data.select(np.arange(40)), data.select(np.arange(40, 48))
    config = TrainingConfig(
        epochs=24,
        batch=8,
        warmup_epochs=0,
        objective=objective,
        validate_every=8,
        optimiser=AdamW(learning_rate=1e-2),
    )
    errors = {}
    for history in (1, 2):
        model = ModelConfig(SMALL, FiLMConfig(), "channel", history=history)
        surrogate = build(Experiment(model=model, training=config), training)
        surrogate = fit(surrogate, training, validation, config, progress=False)
        values, window = surrogate.problem.training_values, surrogate.window
        errors[history] = evaluate(surrogate.at, validation, values, window=window).summary["seen"]["nRMSE"]
    assert errors[2] < 0.2 < 0.6 < errors[1]


def test_too_few_frames_to_learn_a_step_are_refused():
    data = waves_of_either_direction(frames=4)
    config = TrainingConfig(epochs=2, batch=8)
    surrogate = build(
        Experiment(model=ModelConfig(SMALL, FiLMConfig(), history=3, bundle=2), training=config), data
    )
    with pytest.raises(ValueError, match="expected at least 5 frames to learn a step, got 4"):
        fit(surrogate, data, data, config, progress=False)
