"""The processes that run the contenders, and the times they take in turn."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

WORKER = Path(__file__).parent / "worker.py"
WORKS = ("train", "rollout")
PAUSE = 0.02  # seconds between two turns, in which idle threads go to sleep


class Worker:
    """A process of worker.py.

    Args:
        contender, case, cores, size: see worker.py.
        cache: folder where jax keeps compiled programs; None: they are not kept.
    """

    def __init__(self, contender: str, case: str, cores: int, size: str, cache: str | None = None):
        command = [sys.executable, str(WORKER), contender, case, str(cores), size]
        environment = os.environ | {"XLA_FLAGS": os.environ.get("XLA_FLAGS", "")}
        if cache:
            environment |= {
                "JAX_COMPILATION_CACHE_DIR": cache,
                "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
                "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
            }
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)

    def answer(self):
        """Return the next answer.

        Raises:
            SystemExit: the process has ended.
        """
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(
                f"a worker ended early: {' '.join(self.process.args)}; its error is printed above"
            )
        return json.loads(line)

    def work(self, name: str) -> float:
        """Do one of WORKS once; return the seconds it took."""
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def measure(case: str, cores: int, size: str, contenders: Sequence[str], seconds: float, cache: str) -> dict:
    """Start a process for every contender, one after the other; then time each of WORKS in turn for some seconds.

    A work is timed in 3 to 30 rounds.
    """
    workers, starts = {}, {}
    try:
        for contender in contenders:
            workers[contender] = Worker(contender, case, cores, size, cache)
            starts[contender] = workers[contender].answer()
        times: dict = {contender: {work: [] for work in WORKS} for contender in contenders}
        for work in WORKS:
            began, rounds = time.perf_counter(), 0
            while rounds < 3 or (rounds < 30 and time.perf_counter() - began < seconds):
                for contender in contenders:
                    time.sleep(PAUSE)
                    times[contender][work].append(workers[contender].work(work))
                rounds += 1
    finally:
        for worker in workers.values():
            worker.close()
    return {"case": case, "cores": cores, "start": starts, "times": times}


def best_rates(known: dict[str, float], cores: int) -> dict[str, float]:
    """Measure the machine's rates again; return the best of them and the known ones.

    Other processes can only make a measured rate lower.
    """
    found = single_answer("machine", "", cores, "")
    return {name: max(rate, known.get(name, 0.0)) for name, rate in found.items()}


def single_answer(contender: str, case: str, cores: int, size: str):
    """Return the only answer of a process."""
    worker = Worker(contender, case, cores, size)
    found = worker.answer()
    worker.close()
    return found
