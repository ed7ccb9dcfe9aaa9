"""Measure streamed training data: batches a second, the memory of many batches, and the wait of a training for them.

    python benchmarks/speed/streaming.py burgers1d navierstokes2d [--data data] [--batches 10000] [--epochs 4]

The data of a preset are simulated before. `batches/s` are those of the stream alone, without a training. `growth` is
by how much the memory of the process grew between batch 500 and the last one. `waiting` is the share of the time in
which a training without an identified equation waited for batches: the mean over the epochs after the first one, which
compiles.
With the package grain, its batches of the same trajectories a second are printed as well (threads, its defaults).
"""

import argparse
import dataclasses
import importlib.util
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from cape.commands.session import prepare_jax
from cape.commands.train import presets
from cape.config import load_toml
from cape.datasets.batches import stream
from cape.datasets.trajectories import Trajectories
from cape.experiment import Experiment, prepare, train
from cape.training.log import read

_FIRST, _OF_GRAIN = 500, 300  # batches after which the memory is read; batches of grain


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("presets", nargs="+")
    parser.add_argument("--data", default="data", help="folder of simulated data")
    parser.add_argument("--batches", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=4)
    arguments = parser.parse_args()
    prepare_jax()
    print(
        "| preset | MB of a batch | batches/s | grain, batches/s | growth, MB | waiting |\n|---|---|---|---|---|---|"
    )
    for preset in arguments.presets:
        settings = load_toml(Experiment, presets()[preset])
        settings = dataclasses.replace(
            settings, data=dataclasses.replace(settings.data, folder=arguments.data)
        )
        training, batch = prepare(settings.data).training, settings.training.batch
        size, rate, growth = measure_stream(training, batch, arguments.batches)
        other = (
            f"{rate_of_grain(training, batch):.0f}" if importlib.util.find_spec("grain") else "not installed"
        )
        share = waiting(settings, arguments.epochs)
        print(
            f"| {preset} | {size / 1e6:.2f} | {rate:.0f} | {other} | {growth:.1f} | {share:.1%} |", flush=True
        )


def measure_stream(training: Trajectories, batch: int, batches: int) -> tuple[int, float, float]:
    """Return the bytes of a batch, the batches in a second, and by how many MB the memory grew."""
    source, began, memory = stream(training, 0, batch), time.perf_counter(), 0.0
    size = 0
    for number, given in enumerate(source, 1):
        size = given[1].nbytes
        if number == min(_FIRST, batches):
            memory = resident()
        if number == batches:
            break
    rate = batches / (time.perf_counter() - began)
    source.close()  # type: ignore[attr-defined]
    return size, rate, resident() - memory


def resident() -> float:
    """Return the MB of memory that this process has (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def rate_of_grain(training: Trajectories, batch: int) -> float:
    """Return the batches in a second that grain makes of the same trajectories."""
    import grain

    class Source:
        def __len__(self) -> int:
            return training.samples

        def __getitem__(self, index: Any) -> Any:
            return training.read(np.array([index]))[0], training.parameters[index].astype(np.float32)

    data = grain.MapDataset.source(Source()).shuffle(seed=0).repeat().batch(batch)  # type: ignore[arg-type]
    iterator = iter(data.to_iter_dataset())
    next(iterator)
    began = time.perf_counter()
    for _ in range(_OF_GRAIN):
        next(iterator)
    return _OF_GRAIN / (time.perf_counter() - began)


def waiting(settings: Experiment, epochs: int) -> float:
    """Train for some epochs on streamed data; return the share of the time that the last ones waited for them."""
    training = dataclasses.replace(settings.training, epochs=epochs, warmup_epochs=0, storage="stream")
    model = dataclasses.replace(settings.model, identify=False)
    chosen = dataclasses.replace(settings, model=model, training=training)
    with tempfile.TemporaryDirectory() as folder:
        train(chosen, prepare(chosen.data), Path(folder), progress=False)
        records = read(Path(folder) / "metrics.jsonl")
    jax.clear_caches()
    return float(np.mean([record["waiting"] for record in records[1:]]))


if __name__ == "__main__":
    main()
