"""A training in two processes of two devices each: python two_processes.py INDEX PORT FOLDER MEMBERS."""

import dataclasses
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np


def free_port() -> int:
    """Return a port of this machine that nothing uses."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


def start(folder: Path, compiled: Path, members: int = 1) -> list[subprocess.Popen]:
    """Start the two processes; the first one writes `folder/weights.npz` at the end."""
    port = free_port()
    environment = os.environ | {
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
        "JAX_COMPILATION_CACHE_DIR": str(compiled),
    }
    return [
        subprocess.Popen(
            [sys.executable, __file__, str(index), str(port), str(folder), str(members)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for index in range(2)
    ]


def settings(members: int = 1):
    """The configuration of a training and its model, which the test also trains in one process."""
    from small_trainings import CONFIG, MODEL

    config = dataclasses.replace(CONFIG, storage="stream", checkpoint_minutes=1e-9, member_share=1.0)
    return config, dataclasses.replace(MODEL, conserve=False, members=members)  # see four_devices.py


def main(index: int, port: int, folder: Path, members: int) -> None:
    from cape.commands.session import prepare_jax
    from cape.training import processes

    processes.connect(f"localhost:{port}", 2, index)
    prepare_jax()
    import jax
    from small_trainings import train, weights

    jax.config.update("jax_numpy_dtype_promotion", "standard")
    config, model = settings(members)
    trained = train(config, folder, model)
    if processes.first():
        np.savez(folder / "weights.npz", **weights(trained))
    processes.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
