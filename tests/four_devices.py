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


def main(cases: dict[str, Any]) -> None:
    """Print the results of functions as JSON, by their names."""
    from cape.commands.session import prepare_jax

    prepare_jax()
    print(json.dumps({name: case() for name, case in cases.items()}))


def muon() -> dict[str, Any]:
    """The default settings: stopped gradients, Muon, an average of the weights."""
    return compared(**muon_settings(), ema=0.9)


def divided_weights() -> dict[str, Any]:
    from cape.training.mesh import MeshConfig

    return compared(MeshConfig(weights="divided"), **muon_settings(), ema=0.9)


def accumulated() -> dict[str, Any]:
    """Each device adds the gradients of two parts of its trajectories."""
    return compared(**muon_settings(), accumulate=2)


def through_time() -> dict[str, Any]:
    from cape.training.objective import Objective

    return compared(objective=Objective(gradients="through_time"), warmup_epochs=1)


def streamed() -> dict[str, Any]:
    return compared(storage="stream")


def batch_normalisation() -> dict[str, Any]:
    """A base solver with statistics over the batch."""
    from small_trainings import MODEL

    from cape.paper.unet import PaperUNetConfig

    return compared(model=dataclasses.replace(MODEL, base=PaperUNetConfig(features=4, levels=1)))


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


def muon_settings() -> dict[str, Any]:
    from cape.training.optimisers import Muon

    return {"optimiser": Muon()}


def compared(mesh: Any = None, model: Any = None, **settings: Any) -> dict[str, Any]:
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
        "collectives": collectives(dataclasses.replace(config, mesh=mesh or MeshConfig()), model),
        "numbers": int(sum(each.size for name, each in one.items())),
    }


def collectives(config: Any, model: Any) -> dict[str, list[int]]:
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
    main({case: globals()[case] for case in sys.argv[1:]})
