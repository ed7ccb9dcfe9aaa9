"""Pretrained folders of strangers: links, sizes, nesting and numbers without end, and weights with a digest."""

import json
import os
import struct

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from cape.model import weights
from cape.pretrained import load


def edited(folder, part, **changes):
    config = json.loads((folder / "config.json").read_text())
    config[part] = config[part] | changes
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("name", ["config.json", "weights.safetensors", "split.json"])
def test_links_out_of_the_folder_are_refused(folder, tmp_path, name):
    (folder / "split.json").write_text('{"training": [0], "validation": []}')
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder / name).rename(outside / name)
    (folder / name).symlink_to(outside / name)
    with pytest.raises(ValueError, match=f"{name}: a link out of the folder"):
        load(folder)
    (folder / name).unlink()
    (outside / name).rename(folder / f"real-{name}")
    (folder / name).symlink_to(f"real-{name}")
    load(folder)


def test_the_cache_of_a_hub_holds_links(folder, tmp_path):
    snapshot, blobs = tmp_path / "models--a" / "snapshots" / "0", tmp_path / "models--a" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for name in ("config.json", "weights.safetensors"):
        (folder / name).rename(blobs / f"blob-{name}")
        (snapshot / name).symlink_to(f"../../blobs/blob-{name}")
    load(snapshot)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "config.json").write_text('{"format": 3, "format": 3}'), "the key 'format' is repeated"),
        (lambda f: (f / "config.json").write_text(" " * 5_000_000), "more than 4194304 bytes"),
        (lambda f: edited(f, "model", substeps=10**6), "substeps: expected 1 to 64, got 1000000"),
        (lambda f: edited(f, "model", history=10**9), "history: expected 1 to 1000 frames"),
        (lambda f: edited(f, "model", base={"type": "fno", "layers": 10**9}), "layers: expected at most 256, got 10"),
        (lambda f: edited(f, "problem", resolution=[2**40]), "1 to 1048576 points per axis"),
        (lambda f: edited(f, "problem", equation="\x1b[2J"), "problem: equation .* is not printable"),
        (lambda f: edited(f, "problem", low=[float("nan")]), "problem: low and high, .* finite"),
        (lambda f: edited(f, "publication", weights_sha256=3), "weights_sha256: expected a text, got 3"),
    ],
)  # fmt: skip
def test_descriptions_are_bounded(folder, spoil, message):
    spoil(folder)
    with pytest.raises(ValueError, match=f"config.json: .*{message}"):
        load(folder)


def header_of(file):
    content = file.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def written(file, header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + data)


def changed_entry(file, **changes):
    header, data = header_of(file)
    name = next(name for name in header if name != "__metadata__")
    header[name] |= changes
    written(file, header, data)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.write_bytes(struct.pack("<Q", 2**63) + b"{}"), "its header claims 9223372036854775808 bytes"),
        (lambda f: f.write_bytes(b"abc"), "its header claims 0 bytes"),
        (lambda f: changed_entry(f, shape=[2**60]), r"expected float32 \[.*\], got float32 \[1152921504606846976\]"),
        (lambda f: changed_entry(f, dtype="F4"), r"expected float32 .*, got F4"),
        (lambda f: changed_entry(f, dtype="\x1b[2J"), r"expected float32 .*, got \[2J \["),
        (lambda f: changed_entry(f, data_offsets=[0, 2**50]), "its header claims .* bytes, it has"),
        (lambda f: changed_entry(f, data_offsets=[4, 0]), "an entry .* of its header is impossible"),
        (lambda f: written(f, b"[" * 1000, b""), "nested more than 64 levels"),
        (lambda f: os.truncate(f, 2**43), "claims 8796093022208 bytes, of which .* are on the disk"),
        (lambda f: (f.unlink(), f.mkdir()), "not a regular file"),
    ],
)  # fmt: skip
def test_weights_are_checked_before_they_are_read(folder, monkeypatch, spoil, message):
    monkeypatch.setattr(weights, "read", lambda *_: pytest.fail("the arrays were read"))
    spoil(folder / "weights.safetensors")
    with pytest.raises(ValueError, match=f"weights.safetensors: .*{message}"):
        load(folder)


def test_one_flipped_bit_of_unpublished_weights_is_found(folder):
    edited(folder, "publication", weights_sha256=None)
    file = folder / "weights.safetensors"
    header, data = header_of(file)
    load(folder)
    for position in (0, len(data) // 2, len(data) - 1):
        flipped = bytearray(data)
        flipped[position] ^= 1
        written(file, header, bytes(flipped))
        with pytest.raises(ValueError, match="weights.safetensors: damaged, .*not those that were written"):
            load(folder)


def test_weights_without_a_digest_are_read(folder):
    edited(folder, "publication", weights_sha256=None)
    file = folder / "weights.safetensors"
    arrays = load_file(file)
    save_file(arrays, file)
    load(folder)
    assert weights.read(file).keys() == arrays.keys()
    assert weights.digest(arrays) == weights.digest({k: np.array(v) for k, v in reversed(arrays.items())})
    assert weights.digest(arrays) != weights.digest({k: -v for k, v in arrays.items()})
