"""cape predict on a run: equal to the rollout, and mistakes in one line."""

import dataclasses
import warnings

import numpy as np
import pytest
from command_line import fails, tree
from flax import nnx
from small_files import scalar_field, write_compressible, write_scalar

import cape
from cape.cli import main
from cape.datasets.opening import open_files
from cape.datasets.trajectories import Trajectories
from cape.inference import predict as prediction
from cape.model.config import ModelConfig
from cape.out_of_distribution import LongerThanTrained, OutsideTrainedRange
from cape.paper.cape import PaperCAPEConfig
from cape.paper.fno import PaperFNOConfig
from cape.pretrained import save
from cape.problem import Problem
from cape.surrogate import Surrogate

pytestmark = pytest.mark.filterwarnings("always::cape.out_of_distribution.OutOfDistributionWarning")


def test_three_lines_of_python_load_a_run_and_roll_it_out(run):
    surrogate = cape.load(run)
    frames = surrogate.rollout(np.zeros((2, 16, 1)), {"beta": 0.7}, steps=3)
    assert frames.shape == (2, 3, 16, 1)


def test_a_prediction_equals_the_rollout_and_opens_as_any_file(run, data, tmp_path, capsys):
    out = tmp_path / "p.hdf5"
    assert main(["predict", run, "--initial", data, "--out", str(out), "--steps", "6", "--quiet"]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    truth, predicted = open_files(data), open_files(out)
    assert (predicted.frames, predicted.samples, predicted.resolution) == (7, 30, (16,))
    assert predicted.equation == "advection"
    assert predicted.dt == pytest.approx(0.1)
    assert np.array_equal(predicted.parameters, truth.parameters)
    assert np.array_equal(predicted.initial_conditions, truth.initial_conditions)
    u = predicted.read()
    u0 = truth.read()[:, 0]
    assert np.array_equal(u[:, 0], u0)
    with pytest.warns(LongerThanTrained, match="6 steps"):
        expected = cape.load(run).rollout(u0, truth.parameters, 6)
    assert np.allclose(u[:, 1:], expected, rtol=1e-5, atol=1e-6)
    assert main(["inspect", str(out)]) == 0
    assert "frames          7, t = 0 to 0.6, dt = 0.1" in capsys.readouterr().out


def test_a_prediction_in_pieces_equals_the_prediction_at_once(flow, tmp_path, monkeypatch):
    model, file = flow
    options = ["--initial", file, "--steps", "7", "--quiet"]
    assert main(["predict", model, *options, "--out", str(tmp_path / "whole")]) == 0
    for values in (16 * 3 * 2, 16 * 3 * 5 * 3):  # 2 samples and 1 step at a time; 5 samples and 3 steps
        monkeypatch.setattr(prediction, "_CHUNK_VALUES", values)
        out = tmp_path / f"pieces{values}"
        assert main(["predict", model, *options, "--out", str(out)]) == 0
        whole, pieces = open_files(tmp_path / "whole"), open_files(out)
        assert np.allclose(whole.read(), pieces.read(), rtol=1e-5, atol=1e-6)


def test_named_parameters_replace_those_of_the_files_and_warn_outside_the_trained_range(
    flow, surrogate, tmp_path, capsys
):
    model, file = flow
    out = tmp_path / "p_periodic.hdf5"
    options = ["--initial", file, "--out", str(out), "--steps", "2", "--quiet", "--samples", "3"]
    assert main(["predict", model, *options, "--parameter", "eta=0.7"]) == 0
    assert capsys.readouterr().err == ""
    predicted = open_files(out)
    assert predicted.parameters.tolist() == [[0.7, 0.2]] * 3
    u0 = open_files(file).read()[:3, 0]
    expected = surrogate.rollout(u0, {"eta": 0.7, "zeta": 0.2}, 2)
    assert np.allclose(predicted.read()[:, 1:], expected, rtol=1e-5, atol=1e-6)

    assert main(["predict", model, *options, "--parameter", "zeta=3", "eta=1", "--overwrite"]) == 0
    assert capsys.readouterr().err == "warning: zeta = 3 (trained on 0.1 to 1): the surrogate extrapolates\n"
    assert open_files(out).parameters.tolist() == [[1.0, 3.0]] * 3
    with warnings.catch_warnings(), pytest.warns(OutsideTrainedRange, match="eta = 5"):
        surrogate.rollout(u0, {"eta": 5.0, "zeta": 0.2}, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--steps", "0"], "steps: expected at least one step, got 0"),
        (["--steps", "2", "--samples", "-1"], "samples: expected 0 (all) or more, got -1"),
        (["--steps", "2", "--parameter", "et=1"], "surrogate has no parameter 'et'; did you mean 'eta'?"),
        (
            ["--steps", "2", "--parameter", "eta"],
            "parameter: expected NAME=VALUE, such as Nu=0.01, got 'eta'",
        ),
        (["--steps", "2", "--parameter", "eta=x"], "parameter: eta: cannot read the parameter values 'x'"),
        (["--steps", "2", "--parameter", "eta=1", "eta=2"], "parameter: eta is given twice, 1 and 2"),
        (
            ["--steps", "2", "--parameter", "eta=nan"],
            "parameter: eta: cannot read the parameter values 'nan'",
        ),
        (["--steps", "2", "--space-stride", "5"], "16 points of a periodic axis cannot be sub-sampled by 5"),
    ],
)
def test_predict_refuses_what_does_not_fit_and_writes_nothing(flow, options, message, capsys, tmp_path):
    model, file = flow
    before = tree(tmp_path)
    line = fails(capsys, "predict", model, "--initial", file, "--out", str(tmp_path / "p"), *options)
    assert message in line
    assert tree(tmp_path) == before


def test_predict_refuses_to_overwrite_and_files_of_another_problem(flow, capsys, tmp_path):
    model, file = flow
    predict = ["predict", model, "--steps", "2", "--initial"]
    assert "already there: " in fails(capsys, *predict, file, "--out", file)
    scalar = write_scalar(tmp_path / "1D_Advection_Sols_beta1.0.hdf5", scalar_field(2, 5, 16))
    line = fails(capsys, *predict, str(scalar), "--out", str(tmp_path / "p"))
    assert "expected channels ('density', 'pressure', 'Vx'), got ('u',)" in line
    assert not (tmp_path / "p").exists()


def test_a_prediction_that_blows_up_leaves_no_file(surrogate, flow, capsys, tmp_path):
    problem = dataclasses.replace(surrogate.problem, channel_std=(1e-39, 1.0, 1.0))  # overflows in float32
    config = dataclasses.replace(surrogate.config, normalisation="channel")
    save(Surrogate(problem, config, rngs=nnx.Rngs(0)), tmp_path / "model")
    before = tree(tmp_path)
    predict = ["predict", *flow[:1], "--initial", flow[1], "--out", str(tmp_path / "p"), "--steps", "2"]
    assert "the prediction is no longer finite after 2 steps" in fails(capsys, *predict, "--quiet")
    assert tree(tmp_path) == before


def test_a_shape_that_does_not_fit_is_refused(capsys, tmp_path, surrogate):
    """The published block is tied to one resolution."""
    model = ModelConfig(PaperFNOConfig(4, 3, 1, 4), PaperCAPEConfig(widening=4))
    save(Surrogate(surrogate.problem, model, rngs=nnx.Rngs(0)), tmp_path / "model")
    file = write_compressible(tmp_path / "1D_CFD_periodic.hdf5", points=20, eta=0.3, zeta=0.2)
    options = ["--initial", str(file), "--steps", "2", "--out", str(tmp_path / "p")]
    line = fails(capsys, "predict", str(tmp_path / "model"), *options, "--quiet")
    assert "16" in line
    assert "20" in line
    assert not (tmp_path / "p").exists()


@pytest.mark.thorough
def test_a_parameter_of_ones_own_makes_the_way_through_a_prediction(tmp_path, surrogate):
    """Its value is the same in all samples, and yet the readers find it again."""
    values = {"dimension": 1, "alpha": np.array([0.1, 1.0])}
    path = write_scalar(tmp_path / "own.hdf5", scalar_field(2, 3, 16), datasets={"alpha": values["alpha"]})
    trajectories = open_files(path)
    assert trajectories.parameter_names == ("alpha",)
    problem = Problem.of(trajectories)
    save(Surrogate(problem, surrogate.config, rngs=nnx.Rngs(0)), tmp_path / "model")
    options = ["--initial", str(path), "--steps", "2", "--out", str(tmp_path / "p"), "--quiet"]
    assert main(["predict", str(tmp_path / "model"), *options, "--parameter", "alpha=0.5"]) == 0
    predicted = open_files(tmp_path / "p")
    assert isinstance(predicted, Trajectories)
    assert predicted.parameters.tolist() == [[0.5], [0.5]]
