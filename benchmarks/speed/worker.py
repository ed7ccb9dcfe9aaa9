"""A process that holds one contender and does one piece of work for every line it reads.

    python worker.py KIND CASE CORES QUICK      KIND: theirs, paper, default, kernels-paper, ...

Answers are lines of JSON on the standard output. The first tells about the start; then a line is "train" or "rollout"
and its answer the seconds taken. "kernels-..." only counts what an accelerator would run, "machine" only measures the
machine itself.
"""

import time

BEGAN = time.perf_counter()

import json  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402


def main(kind: str, name: str, cores: str, quick: str) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = cores
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever else prints goes to the standard error
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from speed.cases import CASES

    if kind == "machine":
        from speed import machine

        print(json.dumps(machine.measure()), file=answers)
        return
    case = CASES[name].quick() if quick == "quick" else CASES[name]
    if kind.startswith("kernels-"):
        from speed.kernels import kernels
        from speed.ours import Ours

        text = Ours(case, kind.removeprefix("kernels-")).gradient_text()
        print(json.dumps(kernels(text, case.feedback - 1)), file=answers)
        return
    report = {}
    if kind == "theirs":
        from speed.theirs import Theirs

        report["import"] = time.perf_counter() - BEGAN
        contender = Theirs(case, int(cores))
    else:
        from speed.kernels import kernels
        from speed.ours import Ours

        report["import"] = time.perf_counter() - BEGAN
        contender = Ours(case, kind)
        report["compile"] = contender.compile()
        report["kernels"] = kernels(contender.compiled.as_text(), case.feedback - 1)
    contender.train()
    report["first step"] = time.perf_counter() - BEGAN
    contender.train()
    report["peak MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    contender.rollout()
    print(json.dumps(report), file=answers)
    for line in sys.stdin:
        work = getattr(contender, line.strip())
        wall = time.perf_counter()
        work()
        print(json.dumps(time.perf_counter() - wall), file=answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
