"""The processes of a command that runs on several machines."""

import contextlib
import sys
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def connected(coordinator: str, processes: int, index: int) -> Iterator[bool]:
    """Connect this process with the others of a training; yield whether it is the first one, which prints.

    Args:
        coordinator, processes, index: see `cape.training.processes.connect`.

    Raises:
        ValueError, RuntimeError: the processes cannot be connected, or another one has ended.
    """
    from cape.training import processes as together

    together.connect(coordinator, processes, index)
    import jax

    if jax.process_count() == 1:
        yield True
        return
    first = together.first()
    if first:
        print(
            f"{jax.process_count()} processes are connected; if one of them ends, JAX ends the others within about "
            f"{together.HEARTBEAT_TIMEOUT} s and names the lost task, and the same command continues from the newest "
            "checkpoint",
            file=sys.stderr,
        )
    else:
        warnings.simplefilter("ignore")
    try:
        yield first
    except jax.errors.JaxRuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise RuntimeError(
            f"process {jax.process_index()} of {jax.process_count()} lost the others: one of them has ended or cannot "
            f"be reached ({reason}); the same command continues from the newest checkpoint"
        ) from error
