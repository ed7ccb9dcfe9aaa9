"""Kill trainings with SIGKILL at random moments, resume them, and compare each result with an uninterrupted run.

    python benchmarks/reliability/kill.py --kills 200

A chain is one small training in a fresh folder: it is killed up to eight times, resumed each time, and at last left to
its end. The moments are drawn from seven kinds (see `MOMENTS`), the trainings from five (see `VARIANTS`). After each
chain, the weights must be bitwise those of the uninterrupted run, the log and the evaluation the same but for seconds,
and the folder must hold the same files. One line of kills.jsonl records each chain; a later call continues behind the
last line. The exit status is 0 only if all recorded chains are as expected.
"""

import argparse
import collections
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

RECORDS = Path(__file__).with_name("kills.jsonl")
COMMAND = [sys.executable, "-c", "import sys; from cape.commands.entry import main; sys.exit(main())"]
TRAIN = ["train", "smoke", "--quiet", "--data.simulation.samples", "12", "--training.batch", "4"]
NO_FIGURES = ["--no-figures"]
INSIDE = ["--training.validate-every", "1000", "--training.checkpoint-minutes", "1e-6"]
TWO_DEVICES = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
# name -> (options, environment)
VARIANTS: dict[str, tuple[list[str], dict[str, str]]] = {
    "plain, with figures": ([], {}),
    "streamed": (["--training.storage", "stream", *NO_FIGURES], {}),
    "two devices": (NO_FIGURES, TWO_DEVICES),
    "average of the weights": (["--training.ema", "0.9", *NO_FIGURES], {}),
    "inside an epoch": ([*INSIDE, *NO_FIGURES], {}),
}
MOST_KILLS = 8  # in one chain
EVALUATION_FROM = 5  # kills


class Before(NamedTuple):
    """The state of a folder when a training starts in it."""

    lines: int
    time: float


def partial(folder: Path) -> bool:
    """Return whether something in a folder is being written."""
    return any(folder.glob(".*partial*"))


def lines(work: Path) -> int:
    log = work / "run" / "metrics.jsonl"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def written(file: Path, before: Before) -> bool:
    """Return whether a file was written after a training started."""
    return file.exists() and file.stat().st_mtime > before.time


# name -> (whether the moment has begun in a folder, and for how many seconds after that the training may be killed)
MOMENTS: dict[str, tuple[Callable[[Path, Before], bool], float]] = {
    "any time": (lambda work, _: True, 8.0),
    "simulating": (lambda work, _: partial(work / "data"), 1.0),
    "compiling": (lambda work, before: written(work / "run" / "config.json", before), 3.0),
    "training": (lambda work, before: lines(work) > before.lines, 0.3),
    "saving a checkpoint": (lambda work, _: partial(work / "run" / "checkpoints"), 0.05),
    "validating": (lambda work, before: lines(work) > max(before.lines, 1), 0.05),
    "evaluating, drawing": (
        lambda work, before: written(work / "run" / "evaluation" / "evaluation.json", before),
        2.0,
    ),
}


def start(variant: str, cache: Path) -> Callable[[Path], subprocess.Popen]:
    """Return a function that starts the training of a variant in the folder `work`."""
    options, changes = VARIANTS[variant]
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "JAX_COMPILATION_CACHE_DIR": str(cache)} | changes

    def begin(work: Path) -> subprocess.Popen:
        folders = ["--data.folder", str(work / "data"), "--out", str(work / "run")]
        return subprocess.Popen(
            [*COMMAND, *TRAIN, *options, *folders],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    return begin


def kill_at(process: subprocess.Popen, work: Path, moment: str, drawn: random.Random) -> bool:
    """Kill a training at a moment; return False if it ended before."""
    begun, longest = MOMENTS[moment]
    before = Before(lines(work), time.time())
    while not begun(work, before):
        if process.poll() is not None:
            return False
        time.sleep(0.001)
    until = time.monotonic() + drawn.uniform(0.0, longest)
    while time.monotonic() < until and process.poll() is None:
        time.sleep(0.001)
    if process.poll() is not None:
        return False
    process.kill()
    process.communicate()
    return True


def outcome(work: Path) -> dict[str, Any]:
    """Return what must be the same after every chain."""
    run = work / "run"
    log = [json.loads(line) | {"seconds": 0} for line in (run / "metrics.jsonl").read_text().splitlines()]
    inside = sorted(
        _without_older_number(path.relative_to(work).as_posix(), work) for path in work.rglob("*")
    )
    return {
        "weights": (run / "model" / "weights.safetensors").read_bytes(),
        "log": log,
        "evaluation": (run / "evaluation" / "evaluation.json").read_text(),
        "files": [path for path in inside if "/default/" not in path],  # orbax draws names in there
    }


def _without_older_number(path: str, work: Path) -> str:
    """Replace the number of an older checkpoint in the name of a file: it depends on the clock."""
    folder = "run/checkpoints/"
    newest = max((int(p.name) for p in (work / folder).glob("[0-9]*") if p.name.isdigit()), default=0)
    number, slash, rest = path.removeprefix(folder).partition("/")
    if path.startswith(folder) and number.isdigit() and int(number) != newest:
        return f"{folder}older{slash}{rest}"
    return path


def finish(process: subprocess.Popen) -> None:
    """Wait for a training that must succeed."""
    _, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(f"a training ended with {process.returncode}: {errors.strip()[-2000:]}")


def chain(
    begin: Callable[[Path], subprocess.Popen], work: Path, kills: int, drawn: random.Random
) -> list[str]:
    """Kill and resume a training so many times, then let it end; return the moments at which it was killed."""
    killed: list[str] = []
    while len(killed) < kills:
        moment = drawn.choice(possible_moments(work, len(killed)))
        process = begin(work)
        if not kill_at(process, work, moment, drawn):
            finish(process)
            return killed
        killed.append(moment)
    finish(begin(work))
    return killed


def possible_moments(work: Path, killed: int) -> list[str]:
    """Return the moments that may still come. Only the last kills of a chain hit the evaluation, which ends it soon."""
    done = {"simulating"} if any((work / "data").glob("[!.]*")) else set()
    if (work / "run" / "evaluation").exists():
        done |= {"training", "saving a checkpoint", "validating"}
    elif killed < EVALUATION_FROM:
        done |= {"evaluating, drawing"}
    return [moment for moment in MOMENTS if moment not in done]


def differences(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Return the names of what differs, and the files that only one of both has."""
    names = [name for name in expected if name != "files" and found[name] != expected[name]]
    return names + sorted(set(found["files"]) ^ set(expected["files"]))


def record_chains(kills: int, records: Path, work: Path) -> None:
    """Run chains until so many kills are recorded."""
    expected: dict[str, dict[str, Any]] = {}
    while (known := read(records)) is not None and sum(len(each["killed"]) for each in known) < kills:
        number = len(known)
        drawn = random.Random(number)
        variant = list(VARIANTS)[number % len(VARIANTS)]
        begin = start(variant, work / "cache")
        if variant not in expected:
            whole = work / f"whole {variant}"
            shutil.rmtree(whole, ignore_errors=True)
            finish(begin(whole))
            expected[variant] = outcome(whole)
        folder = work / "chain"
        shutil.rmtree(folder, ignore_errors=True)
        began = time.monotonic()
        record: dict[str, Any] = {"chain": number, "variant": variant, "killed": [], "differs": []}
        record["killed"] = chain(begin, folder, MOST_KILLS, drawn)
        record["differs"] = differences(outcome(folder), expected[variant])
        record["seconds"] = round(time.monotonic() - began, 1)
        with records.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        print(json.dumps(record), flush=True)


def read(records: Path) -> list[dict[str, Any]]:
    if not records.exists():
        return []
    return [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]


def summarise(records: list[dict[str, Any]]) -> None:
    """Print how often each training was killed at each moment, and what differed."""
    counts = collections.Counter((each["variant"], moment) for each in records for moment in each["killed"])
    print(f"{'':24}" + "".join(f"{name:>21}" for name in MOMENTS))
    for variant in VARIANTS:
        print(f"{variant:24}" + "".join(f"{counts[variant, moment]:21}" for moment in MOMENTS))
    wrong = [each for each in records if each["differs"]]
    right = sum(len(each["killed"]) for each in records if not each["differs"])
    print(
        f"\n{right} of {sum(counts.values())} kills, in {len(records)} chains: bitwise the same weights, the same log "
        "and evaluation, nothing left behind"
    )
    for each in wrong:
        print(f"chain {each['chain']} ({each['variant']}): {', '.join(each['differs'])}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--kills", type=int, default=200, help="stop once so many are recorded (default: 200)"
    )
    parser.add_argument("--records", type=Path, default=RECORDS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cape-kills-", ignore_cleanup_errors=True) as work:
        record_chains(options.kills, options.records, Path(work))
    records = read(options.records)
    summarise(records)
    return int(any(each["differs"] for each in records))


if __name__ == "__main__":
    sys.exit(main())
