"""Damaged pretrained folders, folders of runs and configurations, for corpus.py."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from folders import CONFIG, SPLIT, WEIGHTS, join_weights, mutated, split_weights
from mutations import flip
from stepping import step
from trial import Case

ARRAYS = {"step": np.array(7, np.int32), "weights": np.arange(2000, dtype=np.float32)}  # of a checkpoint
TEXT_BOMBS = {
    "nested lists": b"[" * 200_000,
    "nested tables": b'{"a":' * 100_000,
    "5 MB of spaces": b" " * 5_000_000,
    "a number of 5 MB": b'{"format": ' + b"9" * 5_000_000 + b"}",
    "repeated keys": b'{"format": 3, "format": 3}',
    "gzip": b"\x1f\x8b\x08" + bytes(1000),
    "not UTF-8": b'{"format": "\xff\xfe"}',
    "UTF-16": '{"format": 3}'.encode("utf-16"),
    "empty": b"",
    "a list": b"[]",
    "NaN": b"NaN",
    "a surrogate": b'{"format": "\\ud800"}',
}
SETTINGS = {
    "problem": {
        "resolution": [[0], [-1], [2**40], [16, 16], "16", [16.5], []],
        "channels": [[], ["u", "u"], ["\x1b[2J"], [""], "u", [1]],
        "boundaries": [[], ["open"], ["periodic"] * 4, [None]],
        "dt": [0, -1, 1e999, float("nan"), "1", None],
        "steps": [0, -1, 10**30, 1.5],
        "low": [[], [float("nan")], ["x"], [1e999]],
        "channel_std": [[0], [-1], [float("nan")], []],
        "equation": ["\x1b[31m", 3, "", "a\nb", "long" * 1000],
        "values": [[[0.1, 0.2]], [[]], "x", [["x"]], [[0.1]] * 100_000],
    },
    "model": {
        "base": [
            {},
            {"type": "os.system"},
            {"type": "fno", "layers": 10**9},
            {"type": "fno", "width": 2**16},
            "fno",
        ],
        "conditioning": [{"type": "cape", "heads": 10**9}, {"type": "x", "defined_in": "os"}, None],
        "history": [0, 10**9, -1, 2],
        "bundle": [0, 5, 10**9],
        "substeps": [0, 10**9, 1.5],
        "normalisation": ["none", 3, None, "\x1b[2J"],
        "conserve": [1, "yes", None],
    },
}


def damaged_folders(source: Path, expected: str) -> Iterator[Case]:
    """Yield damaged copies of a pretrained folder, whose first step has the digest `expected`."""

    def edited(edit: Callable[[Path], object], folder: Path) -> Path:
        target = folder / "surrogate"
        shutil.copytree(source, target)
        edit(target)
        return target

    def case(name: str, edit: Callable[[Path], object], expected: str | None = None) -> Case:
        return Case(f"{source.name}: {name}", partial(edited, edit), step, expected)

    for name in (CONFIG, WEIGHTS, SPLIT):
        yield case(f"{name} missing", lambda f, n=name: (f / n).unlink())
        yield case(f"{name} a folder", lambda f, n=name: ((f / n).unlink(), (f / n).mkdir()))
        yield case(f"{name} a pipe", lambda f, n=name: ((f / n).unlink(), os.mkfifo(f / n)))
        for target in ("/dev/zero", "/etc/passwd", name, "nothing", "../outside"):
            yield case(f"{name} a link to {target}", partial(_linked, name, target))
        for part in (0.01, 0.3, 0.7, 0.99):
            yield case(f"{name} cut to {part}", partial(_cut, name, part))
        for what, content in TEXT_BOMBS.items():
            yield case(f"{name} is {what}", lambda f, n=name, c=content: (f / n).write_bytes(c))
    for seed in range(30):
        yield case(f"{WEIGHTS} flipped {seed}", partial(_flipped, WEIGHTS, seed), expected)
        yield case(f"{CONFIG} flipped {seed}", partial(_flipped, CONFIG, seed))
    for part, settings in SETTINGS.items():
        for key, values in settings.items():
            for value in [*values, ...]:
                yield case(f"{part}.{key} = {str(value)[:30]!r}", partial(_set, part, key, value))
    yield from (case(f"header {what}", edit) for what, edit in _headers().items())


def changed_folders(source: Path, count: int) -> Iterator[Case]:
    """Yield the first cases of the fuzz of folders."""
    for seed in range(count):
        yield Case(f"{source.name}: change {seed}", partial(mutated, seed, source=source), step)


def _linked(name: str, target: str, folder: Path) -> None:
    if target == "../outside":
        shutil.copy(folder / name, folder.parent / "outside")
    (folder / name).unlink()
    (folder / name).symlink_to(target)


def _cut(name: str, part: float, folder: Path) -> None:
    os.truncate(folder / name, int(part * (folder / name).stat().st_size))


def _flipped(name: str, seed: int, folder: Path) -> None:
    (folder / name).write_bytes(flip(random.Random(seed), (folder / name).read_bytes(), most=1 + seed % 3))


def _set(part: str, key: str, value: object, folder: Path) -> None:
    config = json.loads((folder / CONFIG).read_text())
    if value is ...:
        config[part].pop(key, None)
    else:
        config[part][key] = value
    (folder / CONFIG).write_text(json.dumps(config))


def _headers() -> dict[str, Callable[[Path], object]]:
    """Return changes of the header of the weights, by their names."""

    def entries(change: Callable[[dict, list[str]], object], folder: Path) -> None:
        header, data = split_weights((folder / WEIGHTS).read_bytes())
        change(header, [name for name in header if name != "__metadata__"])
        (folder / WEIGHTS).write_bytes(join_weights(header, data))

    changes: dict[str, Callable[[dict, list[str]], object]] = {
        "of 2^60 numbers": lambda h, n: h[n[0]].update(shape=[2**60]),
        "with offsets beyond the file": lambda h, n: h[n[0]].update(data_offsets=[0, 2**50]),
        "with negative offsets": lambda h, n: h[n[0]].update(data_offsets=[-4, 0]),
        "with overlapping arrays": lambda h, n: h[n[0]].update(data_offsets=h[n[1]]["data_offsets"]),
        "with exchanged arrays": lambda h, n: h.update({n[0]: h[n[1]], n[1]: h[n[0]]}),
        "of float64": lambda h, n: h[n[0]].update(dtype="F64"),
        "of bfloat16": lambda h, n: h[n[0]].update(dtype="BF16"),
        "of an unknown type": lambda h, n: h[n[0]].update(dtype="\x1b[2J"),
        "without an array": lambda h, n: h.pop(n[0]),
        "with one array more": lambda h, n: h.update(
            {"x": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}
        ),
        "with a metadata list": lambda h, n: h.update({"__metadata__": []}),
        "without metadata": lambda h, n: h.pop("__metadata__", None),
        "with 10^5 arrays": lambda h, n: h.update({str(i): h[n[0]] for i in range(10**5)}),
    }
    found = {what: partial(entries, change) for what, change in changes.items()}
    for length in (0, 1, 2**31, 2**63, 2**64 - 1):
        found[f"of {length} bytes"] = lambda f, n=length: (f / WEIGHTS).write_bytes(
            n.to_bytes(8, "little") + (f / WEIGHTS).read_bytes()[8:]
        )
    found["before a hole of 1 TB"] = lambda f: os.truncate(f / WEIGHTS, 2**40)
    return found


def damaged_runs(source: Path) -> Iterator[Case]:
    """Yield damaged copies of the folder of a run: its configuration, split, log and checkpoints."""

    def edited(name: str, edit: Callable[[bytes, random.Random], bytes], seed: int, folder: Path) -> Path:
        target = folder / "run"
        shutil.copytree(source, target)
        rng = random.Random(seed)
        file = target / name
        file.write_bytes(edit(file.read_bytes(), rng))
        return target

    files = sorted(str(path.relative_to(source)) for path in source.rglob("*") if path.is_file())
    for name in files:
        edits: dict[str, Callable[[bytes, random.Random], bytes]] = {
            "empty": lambda content, rng: b"",
            "cut": lambda content, rng: content[: len(content) // 2],
            "flipped": lambda content, rng: flip(rng, content) if content else b"x",
            "nested": lambda content, rng: b"[" * 100_000,
        }
        for what, edit in edits.items():
            for seed in range(2 if what == "flipped" else 1):
                expected = sums(ARRAYS) if name.startswith("checkpoints") else None
                make = partial(edited, name, edit, seed)
                yield Case(f"run: {name} {what} {seed}", make, resumed, expected)


def sums(arrays: dict[str, np.ndarray]) -> list[float]:
    return [float(np.sum(arrays[name])) for name in sorted(arrays)]


def resumed(path: Path) -> list[float]:
    """Read what a resumed run reads; return the sums of the arrays of the checkpoint that it goes on from."""
    import warnings

    from cape.config import load_json
    from cape.datasets.split_file import read_fingerprints
    from cape.experiment import Experiment
    from cape.training import log
    from cape.training.checkpoint import Checkpoints

    load_json(Experiment, path / CONFIG)
    read_fingerprints(path)
    log.read(path / log.FILE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = Checkpoints(path / "checkpoints").restore(ARRAYS)
    return [] if found is None else sums(found[1])


def write_run(folder: Path) -> Path:
    """Write what a run leaves; both its checkpoints hold the same arrays."""
    from cape.config import to_dict
    from cape.datasets.split_file import write_split
    from cape.experiment import Experiment
    from cape.training.checkpoint import Checkpoints

    folder.mkdir()
    (folder / CONFIG).write_text(json.dumps(to_dict(Experiment())))
    write_split(folder, (0, 1), (2,), ("a" * 64, "b" * 64))
    (folder / "metrics.jsonl").write_text(
        "".join(json.dumps({"step": n, "loss": 0.5}) + "\n" for n in range(4))
    )
    checkpoints = Checkpoints(folder / "checkpoints")
    checkpoints.save(6, ARRAYS)
    checkpoints.save(7, ARRAYS)
    checkpoints.close()
    return folder
