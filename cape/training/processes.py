"""The processes of a training on several machines: which one writes, what they agree on, and how one error ends all."""

import contextlib
import json
import os
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from cape.atomic import replacing

_LONGEST_TEXT = 2**16  # bytes that processes send each other
_CONNECTION_TIMEOUT = 120  # seconds in which all processes must start
HEARTBEAT_TIMEOUT = 30  # seconds after which a process without a sign of life is given up
_SHUTDOWN_TIMEOUT = 30  # seconds that a process waits for the others at its end
AUTOMATIC = "auto"


def connect(coordinator: str, processes: int, index: int) -> None:
    """Connect this process with the others of a training; call it before JAX computes anything.

    Args:
        coordinator: HOST:PORT of process 0, on a port that is free there; "auto" asks the launcher (Slurm, Open MPI,
            Kubernetes, Cloud TPU), which then also knows the two numbers; empty: auto under Slurm with several tasks,
            else one process.
        processes: number of processes; 0: the environment says it.
        index: of this process, from 0; -1: the environment says it.

    If the processes are not connected in time, all of them print a line and end with status 1.

    Raises:
        ValueError: the numbers do not fit, or are missing.
        RuntimeError: the port is in use, or JAX refuses to connect the processes.
    """
    coordinator = coordinator or (AUTOMATIC if _tasks_of_slurm() > 1 else "")
    if not coordinator:
        if processes > 1 or index > 0:
            raise ValueError("--coordinator: expected HOST:PORT of process 0, as there are several processes")
        return
    arguments: dict[str, Any] = {}
    if coordinator != AUTOMATIC:
        if not coordinator.rpartition(":")[2].isdigit():
            raise ValueError(f"--coordinator: expected HOST:PORT of process 0, or auto, got {coordinator!r}")
        if processes < 1 or not 0 <= index < processes:
            raise ValueError(
                "--processes, --process-index: expected the number of processes and an index below it, got "
                f"{processes} and {index}"
            )
        arguments = {"coordinator_address": coordinator, "num_processes": processes, "process_id": index}
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    if index == 0 and coordinator != AUTOMATIC:
        _check_free(int(coordinator.rpartition(":")[2]))
    this = "the processes of this training" if index < 0 else f"process {index}, and {processes - 1} more,"
    failed = (
        f"{this} cannot be connected at {coordinator}; check the address, the number of processes, and that all of "
        f"them have started within {_CONNECTION_TIMEOUT} s"
    )
    end = threading.Timer(
        _CONNECTION_TIMEOUT, _end, [f"cape train: {failed}"]
    )  # JAX would abort with a stack trace
    end.daemon = True
    end.start()
    try:
        jax.distributed.initialize(
            **arguments,
            initialization_timeout=2 * _CONNECTION_TIMEOUT,
            heartbeat_timeout_seconds=HEARTBEAT_TIMEOUT,
            shutdown_timeout_seconds=_SHUTDOWN_TIMEOUT,
        )
    except RuntimeError as error:
        raise RuntimeError(f"{failed} ({str(error).partition(chr(10))[0]})") from error
    finally:
        end.cancel()


def _check_free(port: int) -> None:
    """Raise RuntimeError if a port of this machine is in use. JAX would crash."""
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            free.bind(("", port))
        except OSError as error:
            raise RuntimeError(
                f"--coordinator: port {port} of this machine cannot be used ({error.strerror}); choose another one"
            ) from error


def _end(line: str) -> None:
    """End this process at once, whose main thread waits inside JAX."""
    print(line, file=sys.stderr, flush=True)
    os._exit(1)


def _tasks_of_slurm() -> int:
    """Return the number of tasks that `srun` has started; 0 outside of it."""
    return int(os.environ.get("SLURM_NTASKS", "0")) if "SLURM_STEP_NODELIST" in os.environ else 0


def count() -> int:
    """Return the number of processes."""
    return jax.process_count()


def first() -> bool:
    """Return whether this is the process that prints, and writes what is written once."""
    return jax.process_index() == 0


def largest(numbers: Sequence[int]) -> list[int]:
    """Return the largest value of each number over all processes; all processes must call it."""
    if count() == 1:
        return list(numbers)
    gathered = multihost_utils.process_allgather(np.asarray(numbers, np.int32))
    return [int(number) for number in gathered.max(0)]


def wait() -> None:
    """Wait until all processes have come here."""
    if count() > 1:
        largest([0])


def texts(text: str) -> list[str]:
    """Return the texts of all processes, in their order; all processes must call it."""
    if count() == 1:
        return [text]
    content = np.zeros(_LONGEST_TEXT, np.uint8)
    encoded = np.frombuffer(text.encode()[:_LONGEST_TEXT], np.uint8)
    content[: len(encoded)] = encoded
    gathered = multihost_utils.process_allgather(content)
    return [bytes(each).rstrip(b"\0").decode(errors="replace") for each in np.asarray(gathered)]


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Run a block in all processes. If it raises in one, all of them end.

    The first process raises the error, or a ValueError with the message of another process. The others end quietly.
    """
    if count() == 1:
        yield
        return
    error: Exception | None = None
    try:
        yield
    except Exception as raised:  # any error must reach the other processes
        error = raised
    found = texts("" if error is None else str(error) or type(error).__name__)
    failed = [number for number, text in enumerate(found) if text]
    if not failed:
        return
    if not first():
        raise SystemExit(1)
    if error is not None:
        raise error
    raise ValueError(f"process {failed[0]} of {count()}: {found[failed[0]]}")


def check_equal(facts: Mapping[str, Any]) -> None:
    """Check that all processes have the same facts, such as versions of packages and digests of data.

    Raises:
        ValueError: they differ; the message names the first difference. Raised in the first process, the others end.
    """
    with together():
        ours, *others = (json.loads(text) for text in texts(json.dumps(dict(facts))))
        for number, theirs in enumerate(others, 1):
            for name, value in ours.items():
                if theirs.get(name) != value:
                    raise ValueError(
                        f"{name}: {value} in process 0, and {theirs.get(name)} in process {number}; all processes "
                        "need the same"
                    )


@contextlib.contextmanager
def replacing_together(path: Path) -> Iterator[Path]:
    """Yield one temporary path in all processes, which the first one renames to `path` at the end (`replacing`)."""
    if count() == 1:
        with replacing(path) as temporary:
            yield temporary
    elif first():
        with replacing(path) as temporary:
            yield Path(texts(str(temporary))[0])
        wait()
    else:
        yield Path(texts("")[0])
        wait()
