"""Trainings on one and on four devices, in a process of its own: python four_devices.py [CASE ...] prints JSON.

JAX cannot change its number of devices after its start, so the tests start this file as a program.
"""

import dataclasses
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

DEVICES = 4
_COLLECTIVE = re.compile(
    r"= (.*?) (all-reduce|all-gather|all-to-all|collective-permute|reduce-scatter)(?:-start)?\("
)
_SIZE = re.compile(r"\w+\[([\d,]*)\]")


def results(*cases: str, folder: Path, program: str = __file__) -> dict[str, Any]:
    """Run a program on four devices and return what it prints; compiled programs are kept in `folder`."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={DEVICES}"
    tests = Path(__file__).parent
    environment = {
        "XLA_FLAGS": flags,
        "PYTHONPATH": os.pathsep.join([str(tests), *sys.path]),
        "JAX_COMPILATION_CACHE_DIR": str(folder),
    }
    found = subprocess.run(
        [sys.executable, program, *cases],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout.splitlines()[-1])


def main(cases: list[str]) -> None:
    from cape.commands.session import prepare_jax

    prepare_jax()
    print(json.dumps({case: globals()[case]() for case in cases}))


def muon() -> dict[str, Any]:
    """The default settings: stopped gradients, Muon, an average of the weights."""
    return _compared(**_muon(), ema=0.9)


def divided_weights() -> dict[str, Any]:
    from cape.training.mesh import MeshConfig

    return _compared(MeshConfig(weights="divided"), **_muon(), ema=0.9)


def accumulated() -> dict[str, Any]:
    """Each device adds the gradients of two parts of its trajectories."""
    return _compared(**_muon(), accumulate=2)


def through_time() -> dict[str, Any]:
    from cape.training.objective import Objective

    return _compared(objective=Objective(gradients="through_time"), warmup_epochs=1)


def streamed() -> dict[str, Any]:
    return _compared(storage="stream")


def batch_normalisation() -> dict[str, Any]:
    """A base solver with statistics over the batch."""
    from small_trainings import MODEL

    from cape.paper.unet import PaperUNetConfig

    return _compared(model=dataclasses.replace(MODEL, base=PaperUNetConfig(features=4, levels=1)))


def members() -> dict[str, Any]:
    """Eight members, two on each device."""
    return _compared(model=_ensemble(8), **_muon(), ema=0.9)


def members_and_batch() -> dict[str, Any]:
    """Two members, each on two devices that share a batch."""
    return _compared(model=_ensemble(2), **_muon(), member_share=1.0)


def members_with_shares_of_a_batch() -> dict[str, Any]:
    """The same, each with its own half of a batch."""
    return _compared(model=_ensemble(2), **_muon(), member_share=0.5)


def batch_of_members() -> dict[str, Any]:
    """Three members on each of four devices that share a batch."""
    return _compared(model=_ensemble(3), **_muon(), member_share=1.0)


def members_of_an_update() -> dict[str, Any]:
    """What `cape train --dry-run` says of eight members, and the collectives of an update."""
    import jax
    from small_trainings import CONFIG, TRAINING, fresh

    from cape.training.cost import measure_cost
    from cape.training.mesh import MeshConfig
    from cape.training.space import describe_devices

    jax.config.update("jax_numpy_dtype_promotion", "standard")
    model = _ensemble(8)
    config = dataclasses.replace(CONFIG, batch=8, **_muon())
    costs = [
        measure_cost(fresh(model), TRAINING, dataclasses.replace(config, mesh=mesh))
        for mesh in (MeshConfig(batch=1), MeshConfig())
    ]
    return {
        "devices": [cost.devices for cost in costs],
        "state": [cost.state_bytes for cost in costs],
        "data": [cost.data_bytes for cost in costs],
        "described": describe_devices(fresh(model), config),
        "collectives": _collectives(config, model),
    }


def members_continued() -> float:
    """The largest difference of the weights of a training that went on with fewer devices from an uninterrupted one."""
    import jax
    import numpy as np
    from small_trainings import CONFIG, train, weights

    from cape.training import fit
    from cape.training.mesh import MeshConfig

    jax.config.update("jax_numpy_dtype_promotion", "standard")
    model = dataclasses.replace(_ensemble(4), conserve=False)
    config = dataclasses.replace(CONFIG, batch=8, epochs=6, warmup_epochs=1, divergence_retries=1)
    four, two = (dataclasses.replace(config, mesh=MeshConfig(members=parts)) for parts in (4, 2))
    validate, validations = fit.Validation.__call__, []

    def stopping(self, *given):
        validations.append(given)
        if len(validations) == 3:
            raise KeyboardInterrupt
        return validate(self, *given)

    with tempfile.TemporaryDirectory() as folder:
        fit.Validation.__call__ = stopping
        try:
            train(four, Path(folder), model)
        except KeyboardInterrupt:
            assert len(validations) == 3
        fit.Validation.__call__ = validate
        assert any(Path(folder).glob("checkpoints/[0-9]*"))
        continued = weights(train(two, Path(folder), model))
    expected = weights(train(dataclasses.replace(config, mesh=MeshConfig(batch=1)), model=model))
    return max(
        float(np.linalg.norm(continued[name] - each) / np.linalg.norm(each))
        for name, each in expected.items()
    )


def refused_members() -> list[str]:
    """The errors of meshes that four devices cannot make."""
    from cape.training.mesh import MeshConfig, make_mesh

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
    from small_trainings import MODEL

    return dataclasses.replace(MODEL, members=members)


def too_large() -> str:
    from cape.training.mesh import MeshConfig, make_mesh

    try:
        make_mesh(MeshConfig(batch=4), 10)
    except ValueError as error:
        return str(error)
    return ""


def automatic() -> list[int]:
    """The number of devices that are chosen for batches of 8, 6 and 5 trajectories."""
    from cape.training.mesh import MeshConfig, make_mesh

    meshes = [make_mesh(MeshConfig(), batch) for batch in (8, 6, 5)]
    return [1 if mesh is None else mesh.size for mesh in meshes]


def automatic_for_members() -> list[list[int]]:
    """The parts of the members, of the batch and of space for 8, 6 and 3 members and 8 trajectories."""
    from cape.training.mesh import MeshConfig, make_mesh

    meshes = [make_mesh(MeshConfig(), 8, members=members, of_member=6) for members in (8, 6, 3)]
    return [list(mesh.shape.values()) for mesh in meshes]


def statistics() -> float:
    """The largest difference of a batch normalisation on four devices from that on one."""
    import jax
    import jax.numpy as jnp
    from flax import nnx
    from jax.sharding import PartitionSpec as P

    from cape.paper.unet import BatchNorm
    from cape.training.mesh import MeshConfig, make_mesh, on_each_device

    def normalised(u):
        layer = BatchNorm(2, rngs=nnx.Rngs(0))
        return layer(u), layer.mean[...], layer.var[...]

    u = jax.random.normal(jax.random.key(0), (2, 8, 5)) + jnp.arange(8.0)[None, :, None]
    batch = P(None, "batch")
    several = on_each_device(make_mesh(MeshConfig(), 8), normalised, (batch,), (batch, P(), P()))
    differences = jax.tree.map(lambda a, b: float(abs(a - b).max()), jax.jit(several)(u), normalised(u))
    return max(differences)


def _muon() -> dict[str, Any]:
    from cape.training.optimisers import Muon

    return {"optimiser": Muon()}


def _compared(mesh: Any = None, model: Any = None, **settings: Any) -> dict[str, Any]:
    """Train on one and on four devices for 20 updates; return differences, and the collectives of an update."""
    import jax
    import numpy as np
    from small_trainings import CONFIG, MODEL, train, weights

    from cape.training.log import read
    from cape.training.mesh import MeshConfig

    jax.config.update("jax_numpy_dtype_promotion", "standard")
    model = model or MODEL
    model = dataclasses.replace(
        model, conserve=False
    )  # else the last bias has no gradient but rounding errors
    config = dataclasses.replace(CONFIG, batch=8, epochs=10, **({"warmup_epochs": 0} | settings))
    found = []
    for each in (MeshConfig(batch=1), mesh or MeshConfig()):
        with tempfile.TemporaryDirectory() as folder:
            trained = train(dataclasses.replace(config, mesh=each), Path(folder), model)
            losses = [record["loss"] for record in read(Path(folder) / "metrics.jsonl")]
        found.append((weights(trained), np.array(losses)))
    (one, losses), (several, others) = found
    differences = {
        name: float(np.linalg.norm(several[name] - one[name]) / np.linalg.norm(one[name])) for name in one
    }
    return {
        "losses": float(abs(others / losses - 1).max()),
        "weights": differences,
        "collectives": _collectives(dataclasses.replace(config, mesh=mesh or MeshConfig()), model),
        "numbers": int(sum(each.size for name, each in one.items())),
    }


def _collectives(config: Any, model: Any) -> dict[str, list[int]]:
    """Return the collectives of the compiled update."""
    import jax.numpy as jnp
    import numpy as np
    from small_trainings import TRAINING, fresh

    from cape.training.functional_model import weights_of
    from cape.training.inputs import Schedule
    from cape.training.mesh import divided
    from cape.training.phases import plan_phases
    from cape.training.update import initial_state, update

    surrogate = fresh(model)
    phases = plan_phases(surrogate, config, TRAINING.samples)
    state = initial_state(*weights_of(surrogate), phases.training, phases.warm_up)
    state = phases.training.place_members(state)
    chosen = TRAINING.select(np.arange(config.batch))
    batch = divided(phases.mesh, (jnp.asarray(chosen.read()), jnp.asarray(chosen.parameters, jnp.float32)))
    std = jnp.ones(1, jnp.float32)
    return collectives_of(update.lower(phases.training, std, state, *batch, Schedule(jnp.int32(2))).compile())


def collectives_of(compiled: Any) -> dict[str, list[int]]:
    """Return how many numbers each collective of a compiled program moves: {"all-reduce": [1234]}."""
    import numpy as np

    found: dict[str, list[int]] = {}
    for shapes, name in _COLLECTIVE.findall(compiled.as_text()):
        sizes = [np.prod([int(n) for n in shape.split(",") if n]) for shape in _SIZE.findall(shapes)]
        found.setdefault(name, []).append(int(sum(sizes)))
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
