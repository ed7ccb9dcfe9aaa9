"""Compare the speed of ours with plain PyTorch and with this machine's limits, on one core and on two.

    python benchmarks/speed [--quick] [--cases cape-fno-1d ...] [--cores 1 2] [--seconds 12] [--out speed.json]
    python benchmarks/speed --kernels [--cases ...]

PyTorch comes with `pip install -e ".[benchmark]"`. Without it, ours is timed alone. Every contender runs in a process
of its own. The processes work in turn, so the machine is in the same state for all of them.

Times are medians over the rounds, with the quartiles in brackets. "x PyTorch" is PyTorch's time over the contender's
time: the median of the ratios of the rounds, with the quartiles. The floor is the least time that the arithmetic takes
at the rate of a large matrix product. In brackets is the least time of the memory traffic at the rate of a copy (see
floor.py).
"""

import argparse
import importlib.util
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from speed.cases import CASES  # noqa: E402
from speed.process import best_rates, measure, single_answer  # noqa: E402
from speed.tables import kernels_table, start_table, times_table  # noqa: E402

FORMS = ("paper", "default")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few and short trajectories")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--cores", nargs="+", type=int, default=[1, 2])
    parser.add_argument(
        "--seconds", type=float, default=12.0, help="for each work of a case, at least 3 rounds"
    )
    parser.add_argument(
        "--kernels", action="store_true", help="count the kernels of an accelerator, without timing"
    )
    parser.add_argument("--out", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    size = "quick" if arguments.quick else "full"
    if arguments.kernels:
        counts = {
            case: [single_answer(f"kernels-{form}", case, 2, size) for form in FORMS]
            for case in arguments.cases
        }
        print(kernels_table(FORMS, counts))
        return
    contenders = FORMS
    if importlib.util.find_spec("torch"):
        contenders = ("theirs", *FORMS)
    else:
        print("PyTorch is not installed, so ours is timed alone; install it: pip install -e '.[benchmark]'\n")

    machines: dict[int, dict] = {}
    results: list[dict] = []
    with tempfile.TemporaryDirectory() as cache:
        for name in arguments.cases:
            for cores in arguments.cores:
                machines[cores] = best_rates(machines.get(cores, {}), cores)
                kept = str(Path(cache) / str(cores))
                results.append(measure(name, cores, size, contenders, arguments.seconds, kept))
                print(f"\n{times_table(results[-1:], machines, size)}", flush=True)
    for cores, rates in machines.items():
        gemm, bandwidth = rates["gemm"] / 1e9, rates["bandwidth"] / 1e9
        print(f"\n{cores} core(s): {gemm:.0f} GFLOP/s in a large product, {bandwidth:.1f} GB/s in a copy")
    print(f"\n{times_table(results, machines, size)}\n\n{start_table(results)}")
    if arguments.out:
        text = json.dumps({"machine": machines, "results": results}, indent=1) + "\n"
        arguments.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
