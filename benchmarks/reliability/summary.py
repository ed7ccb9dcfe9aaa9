"""Count the outcomes of many cases, print them and write them as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
from trial import GOOD, Outcome


def summarise(outcomes: Iterable[Outcome], total: int) -> dict[str, Any]:
    """Return the counts of all outcomes, by kinds of cases as well, the faults, and the slowest cases."""
    started, counts, kinds, faults = time.monotonic(), Counter(), {}, []
    slowest: list[Outcome] = []
    for number, outcome in enumerate(outcomes, 1):
        counts[outcome.outcome] += 1
        kinds.setdefault(outcome.name.partition(":")[0], Counter())[outcome.outcome] += 1
        slowest = sorted([*slowest, outcome], key=lambda o: -o.seconds)[:3]
        if outcome.outcome not in GOOD:
            faults.append({"case": outcome.name, "outcome": outcome.outcome, "detail": outcome.detail})
            print(f"{outcome.outcome}: {outcome.name}: {outcome.detail}", flush=True)
        if number % 1000 == 0:
            print(f"{number} of {total}, {len(faults)} faults", file=sys.stderr, flush=True)
    return {
        "cases": sum(counts.values()),
        "outcomes": dict(counts),
        "faults": faults,
        "kinds": {kind: dict(found) for kind, found in kinds.items()},
        "slowest": [{"case": o.name, "seconds": o.seconds} for o in slowest],
        "seconds": round(time.monotonic() - started),
        "hdf5": h5py.version.hdf5_version,
    }


def report(summary: dict[str, Any], out: Path | None) -> int:
    """Print a summary and write it; return the exit status: 1 if there are faults."""
    shown = ", ".join(f"{count} {outcome}" for outcome, count in sorted(summary["outcomes"].items()))
    print(f"{summary['cases']} cases in {summary['seconds']} s: {shown}; {len(summary['faults'])} faults")
    if out is not None:
        lines = [json.dumps({key: value}, ensure_ascii=True) for key, value in summary.items()]
        out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 1 if summary["faults"] else 0
