"""A process that runs one contender on demand.

    python worker.py CONTENDER CASE CORES SIZE

CONTENDER is "theirs", "paper" or "default". SIZE is "quick" or "full". The process answers with lines of JSON on the
standard output. The first line describes the start. Then the process reads lines that are "train" or "rollout", does
this work once, and answers with the seconds it took.

Two other values of CONTENDER give one answer only: "kernels-paper" or "kernels-default" is the number of kernels that
an accelerator would run, and "machine" is the rates of the machine.
"""

import time

BEGAN = time.perf_counter()

import json  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TextIO  # noqa: E402


def main(contender: str, name: str, cores: str, size: str) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = cores
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # anything else that prints goes to the standard error
    sys.path.insert(0, str(Path(__file__).parents[1]))

    if contender == "machine":
        from speed import machine

        answer(answers, machine.measure())
        return
    from speed.cases import CASES

    case = CASES[name].quick() if size == "quick" else CASES[name]
    if contender.startswith("kernels-"):
        answer(answers, count_kernels(case, contender.removeprefix("kernels-")))
        return
    ready, start = build(contender, case, int(cores))
    ready.train()
    start["first step"] = time.perf_counter() - BEGAN
    ready.train()
    start["peak MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    ready.rollout()
    answer(answers, start)
    works = {"train": ready.train, "rollout": ready.rollout}
    for line in sys.stdin:
        work = works[line.strip()]
        wall = time.perf_counter()
        work()
        answer(answers, time.perf_counter() - wall)


def answer(answers: TextIO, content) -> None:
    print(json.dumps(content), file=answers)


def count_kernels(case, form: str) -> int:
    """Count the kernels of the losses and gradients of all steps at once."""
    from speed.kernels import kernels
    from speed.ours import Ours

    return kernels(Ours(case, form).gradient_text(), case.autoregressive - 1)


def build(contender: str, case, cores: int):
    """Build and compile a contender; return it and the description of the start."""
    if contender == "theirs":
        from speed.theirs import Theirs

        imported = time.perf_counter() - BEGAN
        return Theirs(case, cores), {"import": imported}
    from speed.kernels import kernels
    from speed.ours import Ours

    imported = time.perf_counter() - BEGAN
    ours = Ours(case, contender)
    seconds = ours.compile()
    count = kernels(ours.compiled.as_text(), case.autoregressive - 1)
    return ours, {"import": imported, "compile": seconds, "kernels": count}


if __name__ == "__main__":
    main(*sys.argv[1:])
