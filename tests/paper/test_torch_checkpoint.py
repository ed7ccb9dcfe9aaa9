"""PyTorch checkpoints: what is read from a file, and what is refused."""

import json
import os
import sys

import numpy as np
import pytest
from published_weights import GIVEN, field, fno, surrogate_of, tensors, wrapped

from cape.paper.conversion.convert import convert
from cape.paper.conversion.torch_checkpoint import read_checkpoint
from cape.pretrained import load


class Evil:
    def __reduce__(self):
        return os.mkdir, ("executed",)


@pytest.fixture
def torch(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return pytest.importorskip("torch")


def save(torch, content, name="weights.pt"):
    def as_tensors(item):
        if isinstance(item, dict):
            return {key: as_tensors(value) for key, value in item.items()}
        return torch.as_tensor(item) if isinstance(item, np.ndarray) else item

    torch.save(as_tensors(content), name)
    return name


def test_a_checkpoint_is_converted_whole_with_its_provenance(torch, tmp_path):
    arrays = tensors(wrapped(fno(2)))
    weights = save(torch, {"ema": {f"module.{k}": v.astype(v.dtype) for k, v in arrays.items()}, "epoch": 1})
    converted = convert(weights, tmp_path / "model", GIVEN)
    assert sorted(os.listdir(tmp_path)) == ["model", "weights.pt"]
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["publication"]["converted_from"] == "weights.pt"
    u = field(1, 16, 1)
    again = load("model")
    np.testing.assert_array_equal(again.rollout(u, [1.0], 2), converted.rollout(u, [1.0], 2))
    np.testing.assert_array_equal(
        again.rollout(u, [1.0], 2), surrogate_of(wrapped(fno(2))).rollout(u, [1.0], 2)
    )
    with pytest.raises(FileExistsError, match="model: already exists"):
        convert(weights, "model", GIVEN)


def test_of_several_state_dicts_one_is_chosen(torch):
    one, other = tensors(fno(), seed=0), tensors(fno(), seed=1)
    weights = save(torch, {"net": one, "average": {"model": other}, "optimizer": {"state": {0: {"step": 3}}}})
    with pytest.raises(ValueError, match="several state dicts; choose one of average.model, net"):
        read_checkpoint(weights)
    for entry, arrays in (("net", one), ("average.model", other)):
        np.testing.assert_array_equal(
            read_checkpoint(weights, entry)["model.fc0.weight"], arrays["fc0.weight"]
        )
    with pytest.raises(
        ValueError, match="no weights of a known architecture under 'best'.*found net, average"
    ):
        read_checkpoint(weights, "best")


def test_other_precisions_are_read_as_single(torch):
    double = {k: v.astype(np.complex128 if "weights" in k else np.float64) for k, v in tensors(fno()).items()}
    weights = save(torch, double)
    assert {a.dtype.name for a in read_checkpoint(weights).values()} == {"float32", "complex64"}


def test_nothing_in_a_checkpoint_is_executed(torch, tmp_path):
    save(torch, {**tensors(fno()), "optimizer": Evil()})
    with pytest.raises(ValueError, match=r"weights.pt: refused, .*\(posix.mkdir\) would run code") as error:
        convert("weights.pt", "model", GIVEN)
    assert "weights_only" not in str(error.value) and os.listdir(tmp_path) == ["weights.pt"]


@pytest.mark.parametrize("content", [b"", b"broken", b"PK\x03\x04", b"\x80\x04N."])
def test_a_damaged_checkpoint_is_named(torch, tmp_path, content):
    (tmp_path / "weights.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"weights\.pt: "):
        read_checkpoint("weights.pt")


def test_without_torch_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        ImportError, match=r"weights.pt needs PyTorch: pip install torch, or 'cape-jax\[convert\]'"
    ):
        read_checkpoint("weights.pt")


def test_a_checkpoint_is_not_loaded_but_the_command_named(torch):
    with pytest.raises(ValueError, match="a file, expected a pretrained folder .*`cape convert` makes"):
        load(save(torch, tensors(fno())))
