"""The tables of the speed benchmark, as markdown."""

from collections.abc import Mapping, Sequence

import numpy as np
from speed.cases import CASES, Case
from speed.floor import floors
from speed.process import WORKS


def times_table(results: Sequence[dict], machines: Mapping[int, dict], size: str) -> str:
    """Format times, ratios and floors."""
    lines = [
        "| case | work | cores | form | time | x PyTorch | floor: arithmetic (traffic) | over floor |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        case, rates = CASES[result["case"]], machines[result["cores"]]
        case = case.quick() if size == "quick" else case
        for work in WORKS:
            times = {contender: times[work] for contender, times in result["times"].items()}
            for contender in times:
                columns = _times_columns(case, work, contender, times, rates)
                head = f"{case.name} | {work} | {result['cores']} | {_name(contender)}"
                lines.append(f"| {head} | {' | '.join(columns)} |")
    return "\n".join(lines)


def start_table(results: Sequence[dict]) -> str:
    """Format what happens before the first step, the memory and the kernels."""
    lines = [
        "| case | cores | form | import s | compile s | first step s | peak MB | kernels a step |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        for contender, start in result["start"].items():
            compiling = f"{start['compile']:.1f}" if "compile" in start else ""
            lines.append(
                f"| {result['case']} | {result['cores']} | {_name(contender)} | {start['import']:.2f} | {compiling} | "
                f"{start['first step']:.1f} | {start['peak MB']:.0f} | {start.get('kernels', '')} |"
            )
    return "\n".join(lines)


def kernels_table(forms: Sequence[str], counts: Mapping[str, Sequence[int]]) -> str:
    """Format the number of kernels of each form, by case."""
    lines = ["| case | " + " | ".join(map(_name, forms)) + " |", "|---" * (1 + len(forms)) + "|"]
    lines += [f"| {case} | {' | '.join(map(str, each))} |" for case, each in counts.items()]
    return "\n".join(lines)


def _times_columns(
    case: Case, work: str, contender: str, times: Mapping[str, Sequence[float]], rates: dict
) -> tuple[str, ...]:
    taken, ratio = times[contender], ""
    if "theirs" in times and contender != "theirs":
        low, median, high = np.percentile(np.divide(times["theirs"], taken), (25, 50, 75))
        ratio = f"{median:.2f} ({low:.2f}-{high:.2f})"
    form, second_forward = ("paper", False) if contender == "theirs" else (contender, True)
    floor = floors(case, form, **rates, second_forward=second_forward)[work]
    return (
        _seconds(taken),
        ratio,
        f"{1e3 * floor.arithmetic:.3g} ms ({1e3 * floor.traffic:.3g})",
        f"{np.median(taken) / floor.arithmetic:.2f}",
    )


def _seconds(values: Sequence[float]) -> str:
    """Format the median and, in brackets, the quartiles."""
    low, median, high = np.percentile(values, (25, 50, 75))
    unit, factor = ("s", 1) if median >= 1 else ("ms", 1000)
    return f"{factor * median:.3g} {unit} ({factor * low:.3g}-{factor * high:.3g})"


def _name(contender: str) -> str:
    return "PyTorch" if contender == "theirs" else f"ours, {contender}"
