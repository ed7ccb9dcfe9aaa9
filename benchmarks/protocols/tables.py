"""Write the tables of the public protocols from the kept records.

    python benchmarks/protocols/tables.py [--into docs/protocols.md]

Each entry is the mean over trajectories of the relative L2 error of whole rollouts, averaged over the seeds, ± the
standard deviation over the seeds where there are several. The records are made by `run.py`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from protocols import PROTOCOLS
from run import CONTENDERS, records
from table_text import replace_table  # found by the path that run.py adds

OURS = CONTENDERS[0]


def main() -> None:
    """Print the tables, or write them into a page."""
    parser = argparse.ArgumentParser(description="Write the tables of the public protocols.")
    parser.add_argument("--into", type=Path, default=None, help="page with the marks <!-- protocols NAME -->")
    arguments = parser.parse_args()
    for name, table in (("errors", errors()), ("data", data()), ("runs", runs())):
        if arguments.into:
            replace_table(arguments.into, f"<!-- protocols {name} -->", table)
        else:
            print(f"{table}\n")


def errors() -> str:
    """Return the errors of every kind of values beside the best published one, and their ratio."""
    rows = [f"| protocol | values | {' | '.join(CONTENDERS)} | persistence | best published | ours over it |"]
    rows.append("|---|---|" + "---|" * (len(CONTENDERS) + 3))
    for name, protocol in PROTOCOLS.items():
        for kind, about in protocol.kinds.items():
            found = {contender: _means(name, contender, kind) for contender in CONTENDERS}
            if not any(found.values()):
                continue
            cells = " | ".join(_cell(found[contender]) for contender in CONTENDERS)
            persistence = records(name)[0]["errors"][kind]["persistence"]
            ratio = f"{np.mean(found[OURS]) / about.published:.2g}" if found[OURS] else ""
            rows.append(f"| {name} | {kind} | {cells} | {persistence:.2g} | {about.published:g} | {ratio} |")
    return "\n".join(rows)


def data() -> str:
    """Return what each protocol is and which fraction of the published number of trajectories was used."""
    rows = ["| protocol | equation | grid | frames | trajectories for training | of the published |"]
    rows.append("|---|---|---|---|---|---|")
    for protocol in PROTOCOLS.values():
        grid, number = " x ".join(map(str, protocol.points)), len(protocol.trained) * protocol.samples
        trained = f"{number}: {protocol.samples} of each of {len(protocol.trained)} values"
        share = f"{100 * number / protocol.published_samples:.2g} %"
        cells = [
            protocol.name,
            protocol.formula,
            grid,
            f"{len(protocol.times)} to t = {protocol.times[-1]:.3g}",
        ]
        rows.append(f"| {' | '.join([*cells, trained, share])} |")
    return "\n".join(rows)


def runs() -> str:
    """Return what was identified, and how long the trainings took."""
    rows = ["| protocol | contender | seeds | weights | epochs | batch | CPU s | identified | commits |"]
    rows.append("|---|---|---|---|---|---|---|---|---|")
    for name in PROTOCOLS:
        for contender in CONTENDERS:
            own = [record for record in records(name) if record["contender"] == contender]
            if own:
                seeds = ", ".join(str(seed) for seed in sorted(record["seed"] for record in own))
                seconds = f"{np.median([record['seconds'] for record in own]):.0f}"
                commits = ", ".join(sorted({record["commit"] for record in own}))
                first: dict[str, Any] = own[0]
                numbers = [str(first[key]) for key in ("weights", "epochs", "batch")]
                cells = [name, contender, seeds, *numbers, seconds, first["identified"] or "", commits]
                rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _means(name: str, contender: str, kind: str) -> list[float]:
    """Return the mean error of every seed."""
    return [r["errors"][kind]["mean"] for r in records(name) if r["contender"] == contender]


def _cell(values: Sequence[float]) -> str:
    if not values:
        return ""
    text = f"{np.mean(values):.2g}"
    return f"{text} ± {np.std(values, ddof=1):.1g}" if len(values) > 1 else text


if __name__ == "__main__":
    main()
