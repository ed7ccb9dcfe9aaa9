"""Training data that fit into memory are read from disk once."""

import jax
import pytest
from small_files import scalar_field, write_scalar
from small_trainings import MODEL

from cape.data import DataConfig, prepare
from cape.datasets.stores import FileStore
from cape.experiment import Experiment, train
from cape.training.config import TrainingConfig
from cape.training.optimisers import AdamW


@pytest.mark.parametrize("storage", ["device", "stream"])
def test_training_data_are_read_once_unless_they_are_streamed(storage, tmp_path, monkeypatch):
    for beta in (0.5, 2.0):
        write_scalar(tmp_path / f"1D_Advection_Sols_beta{beta}.hdf5", scalar_field(10, 5, 16) / 1000)
    data = prepare(DataConfig(files=(str(tmp_path),), test=0.2))
    opened, blocks = [], FileStore.blocks

    def counted(store, runs, window):
        opened.append(store.name)
        return blocks(store, runs, window)

    monkeypatch.setattr(FileStore, "blocks", counted)
    experiment = Experiment(
        model=MODEL,
        training=TrainingConfig(epochs=2, warmup_epochs=0, batch=4, storage=storage, optimiser=AdamW()),
    )
    with jax.numpy_dtype_promotion("standard"):
        train(experiment, data, progress=False)
    once = 3 * 2  # two files, for training, for validation, and to check the test data
    assert len(opened) == once if storage == "device" else len(opened) > once
