"""Print how fast ours is beside plain PyTorch and beside this machine's limits, on one core and on two.

    python benchmarks/speed [--quick] [--cases cape-fno-1d ...] [--cores 1 2] [--seconds 12] [--out speed.json]
    python benchmarks/speed --kernels [--cases ...]

PyTorch comes with `pip install -e ".[benchmark]"`; without it ours is timed alone. Every contender is a process of its
own; they work in turn, so all meet the same machine. Times are medians over the rounds, with the quartiles; `x` is the
contender's time over ours, the median of the rounds' ratios, with the quartiles. The floor is the least time by
arithmetic, at the rate of a large product, and in brackets that by traffic, at the rate of a copy (see floor.py).
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from speed.cases import CASES  # noqa: E402
from speed.floor import floors  # noqa: E402

WORKS = ("train", "rollout")
PAUSE = 0.02  # seconds between turns, in which idle threads go to sleep


class Worker:
    """A process that holds one contender and works when told to."""

    def __init__(self, kind: str, case: str, cores: int, size: str, cache: str | None = None):
        command = [sys.executable, str(HERE / "worker.py"), kind, case, str(cores), size]
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
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"a worker ended early: {' '.join(self.process.args)}")
        return json.loads(line)

    def work(self, name: str) -> float:
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def measure(case: str, cores: int, size: str, kinds: tuple[str, ...], seconds: float, cache: str) -> dict:
    """Start a worker for every kind, one after the other, then let them work in turn for some seconds each work."""
    workers, starts = {}, {}
    try:
        for kind in kinds:
            workers[kind] = Worker(kind, case, cores, size, cache)
            starts[kind] = workers[kind].answer()
        times: dict = {kind: {work: [] for work in WORKS} for kind in kinds}
        for work in WORKS:
            began, rounds = time.perf_counter(), 0
            while rounds < 3 or (rounds < 30 and time.perf_counter() - began < seconds):
                for kind in kinds:
                    time.sleep(PAUSE)
                    times[kind][work].append(workers[kind].work(work))
                rounds += 1
    finally:
        for worker in workers.values():
            worker.close()
    return {"case": case, "cores": cores, "start": starts, "times": times}


def best_rates(known: dict[str, float], cores: int) -> dict[str, float]:
    """Measure the machine's rates once more; keep the best of each, since other work only ever lowers them."""
    worker = Worker("machine", "", cores, "")
    found = worker.answer()
    worker.close()
    return {name: max(rate, known.get(name, 0.0)) for name, rate in found.items()}


def quartiles(values) -> tuple[float, float, float]:
    return tuple(float(q) for q in np.percentile(values, (25, 50, 75)))


def seconds_text(values) -> str:
    low, median, high = quartiles(values)
    unit, factor = ("s", 1) if median >= 1 else ("ms", 1000)
    return f"{factor * median:.3g} {unit} ({factor * low:.3g}-{factor * high:.3g})"


def table(results: list[dict], machines: dict[int, dict], size: str) -> str:
    """Lay out times, ratios and floors as markdown."""
    lines = [
        "| case | work | cores | form | time | x PyTorch | floor: arithmetic (traffic) | over floor |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        case, cores = CASES[result["case"]], result["cores"]
        case = case.quick() if size == "quick" else case
        for work in WORKS:
            for kind, times in result["times"].items():
                taken, ratio, floor_text, over = times[work], "", "", ""
                if "theirs" in result["times"] and kind != "theirs":
                    low, median, high = quartiles(np.divide(result["times"]["theirs"][work], taken))
                    ratio = f"{median:.2f} ({low:.2f}-{high:.2f})"
                form = "paper" if kind == "theirs" else kind
                floor = floors(case, form, **machines[cores], again=kind != "theirs")[work]
                floor_text = f"{1e3 * floor.arithmetic:.3g} ms ({1e3 * floor.traffic:.3g})"
                over = f"{np.median(taken) / floor.arithmetic:.2f}"
                name = "PyTorch" if kind == "theirs" else f"ours, {kind}"
                lines.append(
                    f"| {case.name} | {work} | {cores} | {name} | {seconds_text(taken)} | {ratio} | "
                    f"{floor_text} | {over} |"
                )
    return "\n".join(lines)


def start_table(results: list[dict]) -> str:
    """Lay out what happens before the first step, the memory and the kernels as markdown."""
    lines = [
        "| case | cores | form | import s | compile s | first step s | peak MB | kernels a step |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        for kind, start in result["start"].items():
            name = "PyTorch" if kind == "theirs" else f"ours, {kind}"
            compiling = f"{start['compile']:.1f}" if "compile" in start else ""
            kernels = start.get("kernels", "")
            lines.append(
                f"| {result['case']} | {result['cores']} | {name} | {start['import']:.2f} | {compiling} | "
                f"{start['first step']:.1f} | {start['peak MB']:.0f} | {kernels} |"
            )
    return "\n".join(lines)


def kernel_table(cases: list[str], kinds: tuple[str, ...], size: str) -> str:
    """Count the kernels of losses and gradients with all steps at once: a stand-in for a GPU's launches."""
    lines = [
        "| case | " + " | ".join(f"ours, {kind}" for kind in kinds) + " |",
        "|---" * (1 + len(kinds)) + "|",
    ]
    for case in cases:
        counts = []
        for kind in kinds:
            worker = Worker(f"kernels-{kind}", case, 2, size)
            counts.append(str(worker.answer()))
            worker.close()
        lines.append(f"| {case} | {' | '.join(counts)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few and short trajectories")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--cores", nargs="+", type=int, default=[1, 2])
    parser.add_argument(
        "--seconds", type=float, default=12.0, help="for each work of a case, 3 rounds at least"
    )
    parser.add_argument("--kernels", action="store_true", help="count an accelerator's kernels, time nothing")
    parser.add_argument("--out", type=Path, help="also write everything there, as JSON")
    arguments = parser.parse_args()
    size = "quick" if arguments.quick else "full"
    kinds: tuple[str, ...] = ("paper", "default")
    if arguments.kernels:
        print(kernel_table(arguments.cases, kinds, size))
        return
    if importlib.util.find_spec("torch"):
        kinds = ("theirs", *kinds)
    else:
        print("PyTorch is not installed: ours alone (pip install -e '.[benchmark]' brings it)\n")

    machines: dict[int, dict] = {}
    results: list[dict] = []
    with tempfile.TemporaryDirectory() as cache:
        for name in arguments.cases:
            for cores in arguments.cores:
                machines[cores] = best_rates(machines.get(cores, {}), cores)
                own = str(Path(cache) / str(cores))
                results.append(measure(name, cores, size, kinds, arguments.seconds, own))
                print(f"\n{table(results[-1:], machines, size)}", flush=True)
    for cores, rates in machines.items():
        gemm, bandwidth = rates["gemm"] / 1e9, rates["bandwidth"] / 1e9
        print(f"\n{cores} core(s): {gemm:.0f} GFLOP/s in a large product, {bandwidth:.1f} GB/s in a copy")
    print(f"\n{table(results, machines, size)}\n\n{start_table(results)}")
    if arguments.out:
        arguments.out.write_text(json.dumps({"machine": machines, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
