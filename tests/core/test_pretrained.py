"""Pretrained folders: saved and loaded bitwise, and every damage is named."""

import dataclasses
import json

import numpy as np
import pytest
from unit_box import SMALL, P, build, predict, problem_of, waves

from cape.config import from_dict, to_dict
from cape.model.conditionings.film import FiLMConfig
from cape.model.conditionings.unconditioned import UnconditionedConfig
from cape.model.config import ModelConfig
from cape.paper.unet import PaperUNetConfig
from cape.pretrained import load, save
from cape.solvers.convnext_unet import ConvNextUNetConfig
from cape.solvers.factorised_fno import FactorisedFNOConfig
from cape.solvers.message_passing import MessagePassingConfig

BASES = (
    FactorisedFNOConfig(width=4, modes=2, layers=1, expansion=1, projection=4, kernel=3),
    ConvNextUNetConfig(features=4, levels=1, kernel=3, expansion=1),
    MessagePassingConfig(width=4, layers=1, radius=1),
)


@pytest.fixture(scope="module")
def small():
    return build(problem_of(16))


@pytest.fixture
def folder(small, tmp_path):
    save(small, tmp_path)
    return tmp_path


def test_a_pretrained_folder_gives_the_same_surrogate_bitwise(small, folder):
    u0, again = waves(16), load(folder)
    assert (again.problem, again.config) == (small.problem, small.config)
    np.testing.assert_array_equal(again.rollout(u0, P, 2), small.rollout(u0, P, 2))
    assert sorted(file.name for file in folder.iterdir()) == ["config.json", "weights.safetensors"]


@pytest.mark.parametrize("base", BASES, ids=lambda base: type(base).__name__)
def test_every_base_is_kept_with_its_settings_and_weights(base, tmp_path):
    assert from_dict(ModelConfig, json.loads(json.dumps(to_dict(ModelConfig(base)))), "x") == ModelConfig(
        base
    )
    surrogate = build(problem_of(8, boundary="wall"), base, FiLMConfig(width=4))
    save(surrogate, tmp_path)
    again, u = load(tmp_path), waves(8, modes=2)
    assert again.config == surrogate.config
    np.testing.assert_array_equal(predict(again, u, P), predict(surrogate, u, P))


def test_running_statistics_are_kept(tmp_path):
    surrogate = build(problem_of(8), PaperUNetConfig(features=4, levels=1), UnconditionedConfig())
    for norm in (surrogate.conditioning.base.bottleneck.norm1, surrogate.conditioning.base.encoders[0].norm2):
        norm.mean[...] = norm.mean[...] + 0.25
    save(surrogate, tmp_path)
    np.testing.assert_array_equal(predict(load(tmp_path), waves(8), P), predict(surrogate, waves(8), P))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_never_saved(value, tmp_path):
    surrogate = build(problem_of(16))
    bias = surrogate.conditioning.base.out.bias
    bias[...] = bias[...].at[0].set(value)
    message = (
        r"cannot save the surrogate: NaN or infinity in conditioning.base.out.bias; the training has diverged"
    )
    with pytest.raises(ValueError, match=message):
        surrogate.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def edited(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def problem_edited(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    edited(folder, problem=config["problem"] | changes)


LAYERED = {
    "base": {"type": "fno"} | dataclasses.asdict(SMALL) | {"layers": 2},
    "conditioning": {"type": "cape", "heads": 2, "width": 4},
}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "config.json").unlink(), "expected a pretrained folder"),
        (
            lambda f: (f / "weights.safetensors").unlink(),
            "weights.safetensors: missing; a pretrained folder holds config.json and",
        ),
        (
            lambda f: (f / "weights.safetensors").write_bytes(b"\x00" * 40),
            "weights.safetensors: damaged, expected a complete safetensors file",
        ),
        (
            lambda f: (f / "weights.safetensors").write_bytes((f / "weights.safetensors").read_bytes()[:-9]),
            "weights.safetensors: damaged, expected a complete safetensors file",
        ),
        (lambda f: (f / "config.json").write_text("{"), "not the config.json"),
        (lambda f: (f / "config.json").write_text("[]"), "not the config.json"),
        (lambda f: edited(f, format=2), "format 2, this version of cape reads 3; train the surrogate again"),
        (lambda f: edited(f, format=99), "format 99, this version of cape reads 3; upgrade cape-jax"),
        (lambda f: edited(f, problem={}), "problem: expected the keys"),
        (lambda f: edited(f, model={"bases": {}}), "unknown key 'bases'; did you mean 'base'"),
        (
            lambda f: edited(f, format=0),
            "format 0, this version of cape reads 3; the file is damaged, or another",
        ),
        (
            lambda f: problem_edited(f, channels=["../../u"]),
            r"channels: '../../u' is no name: expected letters",
        ),
        (lambda f: problem_edited(f, parameters=["a", "a"]), r"expected names that differ, got \('a', 'a'\)"),
        (lambda f: problem_edited(f, resolution=[-4]), r"1 to 1048576 points per axis, got 5 and \(-4,\)"),
        (
            lambda f: edited(f, model=LAYERED),
            "does not match config.json, of another surrogate; missing cond.*in all",
        ),
        (
            lambda f: edited(f, model={"base": {"type": "fno", "width": 5}}),
            "does not match config.json|expected .* got",
        ),
    ],
)
def test_a_spoilt_pretrained_folder_is_named(folder, spoil, message):
    spoil(folder)
    with pytest.raises(ValueError, match=message):
        load(folder)
