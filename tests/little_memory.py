"""Train on a file and print its size, the most memory of this process and the weights: little_memory.py FOLDER SAMPLES
STORAGE."""

import hashlib
import json
import resource
import sys
from pathlib import Path

import numpy as np
from small_files import write_scalar
from small_trainings import MODEL, weights

from cape.datasets.readers.pdebench_scalar import open_scalar
from cape.model.config import ModelConfig
from cape.problem import Problem
from cape.surrogate import Surrogate
from cape.training.config import TrainingConfig
from cape.training.fit import fit

POINTS, FRAMES, UPDATES, BATCH = 16384, 9, 64, 8


def main(folder: Path, samples: int, storage: str) -> None:
    random = np.random.default_rng(0)
    file = folder / f"{samples}.hdf5"
    if not file.exists():
        u = random.standard_normal((samples, FRAMES, POINTS), np.float32)
        write_scalar(file, u, datasets={"Nu": np.linspace(1, 2, samples)})
        print("written")
        return
    everything = open_scalar(file)
    few = everything.select(np.arange(16))
    surrogate = _untrained(few, MODEL)
    config = TrainingConfig(
        epochs=UPDATES * BATCH // samples, batch=BATCH, warmup_epochs=0, storage=storage, validate_every=10**6
    )
    trained = fit(surrogate, everything, few, config, progress=False)
    digest = hashlib.sha256(b"".join(value.tobytes() for value in weights(trained).values())).hexdigest()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"set": file.stat().st_size / 1e6, "megabytes": most, "weights": digest}))


def _untrained(data, model: ModelConfig) -> Surrogate:
    from flax import nnx

    return Surrogate(Problem.of(data), model, rngs=nnx.Rngs(0))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
