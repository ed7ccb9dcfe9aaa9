"""The rates of this machine: arithmetic in a float32 matrix product, and bandwidth of a copy."""

import time

import numpy as np


def measure() -> dict[str, float]:
    """Measure a large product [operations/s] and a copy larger than any cache [bytes/s, read plus written]."""
    n = 1024
    a, b = (np.random.default_rng(i).random((n, n), np.float32) for i in (0, 1))
    product = np.empty((n, n), np.float32)
    source = np.ones(1 << 26, np.float32)
    copy = np.zeros_like(source)
    return {
        "gemm": 2 * n**3 / _best(lambda: np.matmul(a, b, out=product), 10),
        "bandwidth": 2 * source.nbytes / _best(lambda: np.copyto(copy, source), 5),
    }


def _best(work, repeats: int) -> float:
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times[1:])
