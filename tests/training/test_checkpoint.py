"""Checkpoints: what is read is what was written, or an older checkpoint, or an error."""

import hashlib
import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cape.training.checkpoint import Checkpoints
from cape.training.digest import Damaged, read, write


def state_of(number: int) -> dict:
    """Make a state of several dtypes and shapes, some of them odd."""
    arrays = {
        "step": jnp.int32(number),
        "w": jax.random.normal(jax.random.key(number), (40, 50)),
        "half": jnp.full((3,), number, jnp.bfloat16),
        "complex": jnp.full((2, 1), 1j * number, jnp.complex64),
    }
    return {"state": arrays, "best": {"errors": np.full(2, np.inf, np.float32)}, "nothing": ()}


@pytest.fixture
def folder(tmp_path):
    """A folder with checkpoints 1 and 2."""
    checkpoints = Checkpoints(tmp_path)
    for number in (1, 2):
        checkpoints.save(number, state_of(number))
    return tmp_path


def assert_restored(folder, number):
    found, arrays, _ = Checkpoints(folder).restore(state_of(0))
    assert found == number
    jax.tree.map(np.testing.assert_array_equal, arrays, state_of(number))


def test_the_newest_checkpoint_is_restored_bitwise_and_two_are_kept(folder):
    assert_restored(folder, 2)
    checkpoints = Checkpoints(folder)
    checkpoints.save(3, state_of(3))
    assert checkpoints.numbers() == [3, 2]
    assert sorted(path.name for path in folder.iterdir()) == ["2", "3"]


def test_a_checkpoint_may_be_saved_again(folder):
    Checkpoints(folder).save(2, state_of(5))
    found, arrays, _ = Checkpoints(folder).restore(state_of(0))
    assert (found, int(arrays["state"]["step"])) == (2, 5)


def test_without_a_checkpoint_nothing_is_restored(tmp_path):
    assert Checkpoints(tmp_path / "missing").restore(state_of(0)) is None


def test_checkpoints_that_a_killed_process_was_removing_are_removed(folder):
    (folder / "0" / "default").mkdir(parents=True)  # half removed
    assert_restored(folder, 2)
    assert Checkpoints(folder).numbers() == [2, 1]


def files_of(folder, number):
    return sorted(path for path in (folder / str(number)).rglob("*") if path.is_file())


def test_every_flipped_bit_is_noticed_before_orbax_reads(folder):
    random = np.random.default_rng(0)
    for file in files_of(folder, 2):
        whole = file.read_bytes()
        for _ in range(4 if whole else 0):
            content = bytearray(whole)
            content[random.integers(len(content))] ^= 1 << int(random.integers(8))
            file.write_bytes(content)
            with pytest.raises(Damaged, match=f"{re.escape(file.name)} is damaged"):
                read(folder / "2")
        file.write_bytes(whole)
    assert_restored(folder, 2)


@pytest.mark.parametrize("damage", ["remove", "truncate", "other values"])
def test_a_damaged_checkpoint_is_left_for_the_one_before_and_removed(folder, damage):
    if damage == "other values":  # as if orbax had written another number than it was given
        changed = state_of(2)
        changed["state"]["w"] = changed["state"]["w"].at[3, 4].multiply(1 + 1e-6)
        write(folder / "2", changed)
    for file in files_of(folder, 2):
        if damage == "remove":
            file.unlink()
        elif damage == "truncate":
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.warns(
        UserWarning, match=r"checkpoint 2 is damaged \(.*the run goes on from checkpoint 1"
    ) as caught:
        assert_restored(folder, 1)
    assert len(caught) == 1
    assert Checkpoints(folder).numbers() == [1]


def test_damaged_checkpoints_alone_are_refused_and_left(folder):
    for number in (1, 2):
        (folder / str(number) / "digests.json").unlink()
    with pytest.raises(
        ValueError, match=r"no checkpoint can be read: 2 is damaged .*, 1 is damaged .*train anew"
    ):
        Checkpoints(folder).restore(state_of(0))
    assert Checkpoints(folder).numbers() == [2, 1]


@pytest.mark.parametrize(
    ("name", "other", "message"),
    [
        ("w", jnp.zeros((40, 51)), r"float32\[40, 50\] is saved, float32\[40, 51\] is configured"),
        ("half", jnp.zeros(3), r"bfloat16\[3\] is saved, float32\[3\] is configured"),
        ("more", jnp.zeros(3), r"nothing is saved, float32\[3\] is configured"),
    ],
)
def test_another_structure_is_refused_with_what_differs(folder, name, other, message):
    template = state_of(0)
    template["state"][name] = other
    with pytest.raises(
        ValueError, match=rf"checkpoint 2 does not fit the configured model .*'{name}'.*{message}"
    ):
        Checkpoints(folder).restore(template)


def test_the_digests_are_those_of_the_bytes(folder):
    saved = json.loads((folder / "2" / "digests.json").read_text())["arrays"]["['state']['w']"]
    content = np.asarray(state_of(2)["state"]["w"]).tobytes()
    assert saved == ["float32", [40, 50], hashlib.sha256(content).hexdigest()]
