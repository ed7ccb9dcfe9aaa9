"""Sweeps: every initial condition at every combination of parameter values."""

import numpy as np
import pytest
from flax import nnx
from small_surrogates import SMALL, problem_of, surrogate_of

from cape.cli import main
from cape.datasets.opening import open_files
from cape.datasets.simulate.simulation import MOST_SAMPLES
from cape.inference import predict as prediction
from cape.inference.simulated_initial_conditions import SimulatedInitialConditions
from cape.model.conditionings.film import FiLMConfig
from cape.model.config import ModelConfig
from cape.pretrained import save
from cape.surrogate import Surrogate


def test_every_initial_condition_is_predicted_at_every_combination(tmp_path):
    problem = problem_of("reaction-diffusion", low=(0.01, 0.1), high=(5.0, 5.0))
    save(surrogate_of(problem), tmp_path / "model")
    texts = ["rho=1,2", "Nu=0.1,0.5,2"]
    source = SimulatedInitialConditions(2, seed=1)
    out = prediction.predict(tmp_path / "model", source, tmp_path / "p.hdf5", 2, texts, progress=False)
    found = open_files(out)
    assert found.samples == 2 * 6
    assert found.initial_conditions.tolist() == [MOST_SAMPLES, MOST_SAMPLES + 1] * 6
    combinations = [(nu, rho) for rho in (1.0, 2.0) for nu in (0.1, 0.5, 2.0) for _ in range(2)]
    assert found.parameters.tolist() == [list(c) for c in combinations]
    assert main(["inspect", str(out)]) == 0


@pytest.mark.thorough
def test_a_sweep_in_pieces_is_the_sweep_at_once_and_each_value_alone(burgers, tmp_path, monkeypatch):
    def run(name, texts):
        source = SimulatedInitialConditions(5, seed=2)
        return open_files(
            prediction.predict(burgers, source, tmp_path / name, 3, texts, progress=False)
        ).read()

    whole = run("whole", ["Nu=0.02,0.1,0.5,1"])
    np.testing.assert_allclose(whole[10:15], run("alone", ["Nu=0.5"]), rtol=1e-5, atol=1e-6)
    for most in (2 * 16, 11 * 16):  # 2 initial conditions at one value; all of them at two values
        monkeypatch.setattr(prediction, "_BATCH_VALUES", most)
        np.testing.assert_allclose(run(f"pieces{most}", ["Nu=0.02,0.1,0.5,1"]), whole, rtol=1e-5, atol=1e-6)


def test_a_prediction_that_blows_up_says_at_which_value(tmp_path):
    problem = problem_of("burgers", channel_std=(1e-39,))  # overflows in float32
    config = ModelConfig(SMALL, FiLMConfig(width=4), "channel")
    save(Surrogate(problem, config, rngs=nnx.Rngs(0)), tmp_path / "model")
    with pytest.raises(ValueError, match="no longer finite after 2 steps at Nu = 0.1; ask for fewer"):
        prediction.predict(
            tmp_path / "model",
            SimulatedInitialConditions(2),
            tmp_path / "p",
            2,
            ["Nu=0.1,0.2"],
            progress=False,
        )
    assert {path.name for path in tmp_path.iterdir()} == {"model"}
