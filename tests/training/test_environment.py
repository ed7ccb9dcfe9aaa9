"""The environment of a training: recorded in checkpoints, compared on resuming, named or refused if it differs."""

import json

import numpy as np
import pytest

from cape.training import checkpoint, digest
from cape.training.checkpoint import Checkpoints
from cape.training.environment import X64, differences, environment

STATE = {"w": np.float32([1.0, 2.0])}


def changed(**changes):
    return environment() | changes


def save_in(monkeypatch, folder, found):
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "environment", lambda: found)
        Checkpoints(folder).save(1, STATE)


def test_an_environment_is_plain_data_and_equals_itself():
    found = environment()
    assert json.loads(json.dumps(found)) == found
    assert differences(found, found) == []
    assert {
        "version of jax",
        "version of cape-jax",
        "platform",
        "number of devices",
        "XLA_FLAGS",
        X64,
    } <= set(found)


def test_keys_of_one_side_are_not_compared():
    assert differences({"a": 1, "b": 2}, {"b": 3, "c": 4}) == ["b: 2 and 3"]


def test_flags_are_compared_in_any_order_without_dumps(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--b=1 --a=2")
    found = environment()
    monkeypatch.setenv("XLA_FLAGS", "--a=2 --xla_dump_to=/tmp/dump  --b=1")
    assert differences(found, environment()) == []
    monkeypatch.setenv("XLA_FLAGS", "")
    assert differences(found, environment()) == ["XLA_FLAGS: --a=2 --b=1 and none"]


def test_a_changed_environment_is_named_in_one_line_and_the_run_goes_on(tmp_path, monkeypatch):
    other = {"version of jaxlib": "0.0.1", "number of devices": 7, "jax_default_matmul_precision": "float32"}
    save_in(monkeypatch, tmp_path, changed(**other))
    message = (
        r"checkpoint 1 was written in \(version of jaxlib: 0\.0\.1 and [\d.]+; number of devices: 7 and \d; "
        r"jax_default_matmul_precision: float32 and none\); its result will not be bitwise"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        restored = Checkpoints(tmp_path).restore(STATE)
    assert len(caught) == 1
    np.testing.assert_array_equal(restored.arrays["w"], STATE["w"])


def test_another_precision_is_refused_with_the_key(tmp_path, monkeypatch):
    save_in(monkeypatch, tmp_path, changed(**{X64: not environment()[X64]}))
    with pytest.raises(
        ValueError, match=r"jax_enable_x64: the run was started with true, and now it is false; set JAX_"
    ):
        Checkpoints(tmp_path).restore(STATE)
    assert Checkpoints(tmp_path).numbers() == [1]


def test_the_same_environment_is_silent_and_notes_come_back(tmp_path):
    Checkpoints(tmp_path).save(3, STATE, {"retries": 2})
    restored = Checkpoints(tmp_path).restore(STATE)
    assert (restored.number, restored.notes["retries"]) == (3, 2)


def test_a_checkpoint_without_notes_is_restored(tmp_path):
    Checkpoints(tmp_path).save(1, STATE)
    (tmp_path / "1" / "notes.json").unlink()
    (tmp_path / "1" / digest.FILE).unlink()
    digest.write(tmp_path / "1", STATE)
    assert Checkpoints(tmp_path).restore(STATE).notes == {}


def test_damaged_notes_are_noticed(tmp_path):
    Checkpoints(tmp_path).save(1, STATE)
    (tmp_path / "1" / "notes.json").write_text("{}")
    with pytest.raises(ValueError, match=r"notes\.json is damaged"):
        Checkpoints(tmp_path).restore(STATE)
