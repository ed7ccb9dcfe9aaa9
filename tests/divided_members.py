"""Trainings of ensembles whose members are shared by four devices: python divided_members.py [CASE ...] prints JSON."""

import dataclasses
import sys
import tempfile
from pathlib import Path
from typing import Any

import jax
import numpy as np
from four_devices import collectives, compared, main, muon_settings
from small_trainings import CONFIG, MODEL, TRAINING, fresh, train, weights

from cape.training import attempt
from cape.training.cost import measure_cost
from cape.training.mesh import MeshConfig, make_mesh
from cape.training.space import describe_devices


def members() -> dict[str, Any]:
    """Eight members, two on each device."""
    return compared(model=_ensemble(8), **muon_settings(), ema=0.9)


def members_and_batch() -> dict[str, Any]:
    """Two members, each on two devices that share a batch."""
    return compared(model=_ensemble(2), **muon_settings(), member_share=1.0)


def members_with_shares_of_a_batch() -> dict[str, Any]:
    """The same, each with its own half of a batch."""
    return compared(model=_ensemble(2), **muon_settings(), member_share=0.5)


def batch_of_members() -> dict[str, Any]:
    """Three members on each of four devices that share a batch."""
    return compared(model=_ensemble(3), **muon_settings(), member_share=1.0)


def members_of_an_update() -> dict[str, Any]:
    """What `cape train --dry-run` says of eight members, and the collectives of an update."""
    jax.config.update("jax_numpy_dtype_promotion", "standard")
    model = _ensemble(8)
    config = dataclasses.replace(CONFIG, batch=8, **muon_settings())
    costs = [
        measure_cost(fresh(model), TRAINING, dataclasses.replace(config, mesh=mesh))
        for mesh in (MeshConfig(batch=1), MeshConfig())
    ]
    return {
        "devices": [cost.devices for cost in costs],
        "state": [cost.state_bytes for cost in costs],
        "data": [cost.data_bytes for cost in costs],
        "described": describe_devices(fresh(model), config),
        "collectives": collectives(config, model),
    }


def members_continued() -> float:
    """The largest difference of the weights of a training that went on with fewer devices from an uninterrupted one."""
    jax.config.update("jax_numpy_dtype_promotion", "standard")
    model = dataclasses.replace(_ensemble(4), conserve=False)
    config = dataclasses.replace(CONFIG, batch=8, epochs=6, warmup_epochs=1, divergence_retries=1)
    four, two = (dataclasses.replace(config, mesh=MeshConfig(members=parts)) for parts in (4, 2))
    validate, validations = attempt.Validation.__call__, []

    def stopping(self, *given):
        validations.append(given)
        if len(validations) == 3:
            raise KeyboardInterrupt
        return validate(self, *given)

    with tempfile.TemporaryDirectory() as folder:
        attempt.Validation.__call__ = stopping
        try:
            train(four, Path(folder), model)
        except KeyboardInterrupt:
            assert len(validations) == 3
        attempt.Validation.__call__ = validate
        assert any(Path(folder).glob("checkpoints/[0-9]*"))
        continued = weights(train(two, Path(folder), model))
    expected = weights(train(dataclasses.replace(config, mesh=MeshConfig(batch=1)), model=model))
    return max(
        float(np.linalg.norm(continued[name] - each) / np.linalg.norm(each))
        for name, each in expected.items()
    )


def refused_members() -> list[str]:
    """The errors of meshes that four devices cannot make."""
    cases = (
        (MeshConfig(members=3), {"members": 8}),
        (MeshConfig(members=2), {}),
        (MeshConfig(members=4, batch=2), {"members": 8}),
        (MeshConfig(batch=4), {"members": 8, "of_member": 6}),
        (MeshConfig(weights="divided"), {"members": 8}),
    )
    found = []
    for config, given in cases:
        try:
            make_mesh(config, 8, **given)
        except ValueError as error:
            found.append(str(error))
    return found


def _ensemble(members: int) -> Any:

    return dataclasses.replace(MODEL, members=members)


def automatic_for_members() -> list[list[int]]:
    """The parts of the members, of the batch and of space for 8, 6 and 3 members and 8 trajectories."""
    meshes = [make_mesh(MeshConfig(), 8, members=members, of_member=6) for members in (8, 6, 3)]
    return [list(mesh.shape.values()) for mesh in meshes]


if __name__ == "__main__":
    main({case: globals()[case] for case in sys.argv[1:]})
