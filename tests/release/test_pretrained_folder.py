"""Pretrained folders that are damaged, foreign or do not fit: every error names what is wrong."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from cape.pretrained import load

WAVE = np.sin(2 * np.pi * np.arange(16) / 16).astype(np.float32)[None, :, None]


class Bomb:
    def __reduce__(self):
        return (os.mkdir, ("exploded",))


def weights_changed(folder, change, sealed=False):
    file = folder / "weights.safetensors"
    weights = load_file(file)
    change(weights)
    save_file(weights, file)
    if not sealed:
        edited(folder, publication={})


def edited(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def changed_problem(folder, **changes):
    edited(folder, problem=json.loads((folder / "config.json").read_text())["problem"] | changes)


BIAS = "conditioning.base.out.bias"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "config.json").unlink(), "expected a pretrained folder"),
        (lambda f: (f / "config.json").write_bytes(b"\xff\x00"), "config.json: not the config.json of a pretrained"),
        (lambda f: (f / "config.json").write_text("[" * 100_000), "config.json: not the config.json of a pretrained"),
        (lambda f: edited(f, format=4), "format 4, this version of cape reads 3; upgrade cape-jax"),
        (lambda f: edited(f, format=1), "format 1, this version of cape reads 3; train the surrogate again"),
        (lambda f: edited(f, model=None), "config.json: expected a table 'model', got None"),
        (lambda f: edited(f, model={"base": {"type": "os.system"}}), "unknown type 'os.system'; known are fno"),
        (lambda f: edited(f, model={"base": {"type": "fno", "width": -3}}), "config.json: .*(be built|at least 1)"),
        (lambda f: changed_problem(f, dt="fast"), "config.json: problem: dt: expected float, got 'fast'"),
        (lambda f: changed_problem(f, boundaries=["open"]), "problem: boundary 'open', expected one of"),
        (lambda f: changed_problem(f, channel_std=[0.0]), "channel_std and length must be positive"),
        (lambda f: changed_problem(f, low=[0.1, 0.2]), r"problem: expected 1 entries of low, got \(0.1, 0.2\)"),
        (lambda f: changed_problem(f, channels=["u", "v"]), "problem: expected 2 entries of channel_mean"),
        (lambda f: (f / "weights.safetensors").unlink(), "weights.safetensors: missing; a pretrained"),
        (lambda f: weights_changed(f, lambda w: w[BIAS].fill(1), sealed=True), "not the weights that .* published"),
        (lambda f: weights_changed(f, lambda w: w.pop(BIAS)), "json, of another surrogate; missing cond"),
        (lambda f: weights_changed(f, lambda w: w.update(x=w[BIAS])), "does not match .* unknown x"),
        (lambda f: weights_changed(f, lambda w: w[BIAS].fill(np.nan)), "safetensors: NaN or infinity in .*out.bias;"),
        (lambda f: weights_changed(f, lambda w: w[BIAS].fill(np.inf)), "safetensors: NaN or infinity in .*out.bias;"),
        (
            lambda f: weights_changed(f, lambda w: w.update({BIAS: w[BIAS].astype(np.float64)})),
            r"out.bias: expected float32 \[1\], got float64 \[1\]",
        ),
    ],
)  # fmt: skip
def test_a_folder_that_is_not_as_it_should_be_is_named(folder, spoil, message):
    spoil(folder)
    with pytest.raises(ValueError, match=message):
        load(folder)


@pytest.mark.parametrize("magic", [b"", b"PK\x03\x04"])
def test_nothing_is_ever_unpickled(folder, monkeypatch, magic):
    monkeypatch.chdir(folder)
    edited(folder, publication={})
    (folder / "weights.safetensors").write_bytes(magic + pickle.dumps(Bomb()))
    with pytest.raises(
        ValueError, match="a pickled checkpoint, expected safetensors; pickles are never read"
    ):
        load(folder)
    assert not (folder / "exploded").exists()


@pytest.mark.parametrize(
    ("u0", "parameters", "message"),
    [
        (WAVE, {}, r"expected parameters \('beta',\) for 1 sample"),
        (WAVE, {"Beta": 1.0}, r"expected parameters \('beta',\) for 1 sample\(s\), got \('Beta',\)"),
        (WAVE[..., 0], {"beta": 1.0}, r"expected u \[batch, 1 space axes, 1 channel"),
        (
            np.concatenate([WAVE, WAVE], -1),
            {"beta": 1.0},
            r"1 channel\(s\) \('u',\)\], got shape \(1, 16, 2\)",
        ),
    ],
)
def test_a_rollout_that_does_not_fit_is_named(published, u0, parameters, message):
    with pytest.raises(ValueError, match=message):
        load(published).rollout(u0, parameters, 1)


def test_loading_imports_no_training(published):
    program = (
        "import sys, cape; assert 'jax' not in sys.modules; cape.load(sys.argv[1]); "
        "print([m for m in ('orbax', 'tyro', 'matplotlib', 'cape.training.fit', 'cape.cli') if m in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, str(published)], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
