"""Measure what passes between the start of a training and its first update, without and with compiled programs on disk.

    python benchmarks/speed/start.py burgers1d advection1d navierstokes2d [--data data] [--repeat 3]

The data of a preset are simulated before. Every start is a process of its own, which ends after the first validation.
Times are seconds; of several starts, the one with the fastest first update is shown. `CPU` are the seconds that all
cores together worked for the first update, which other processes on the machine change less. `cold` is without
compiled programs on disk, `warm` with all that an earlier start left.
"""

import argparse
import contextlib
import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from typing import Any

PARTS = ("import", "data", "equation", "model", "first update", "first validation")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("presets", nargs="+")
    parser.add_argument("--data", default="data", help="folder of simulated data")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)  # the cache of a start in this process
    arguments = parser.parse_args()
    if arguments.one is not None:
        print(json.dumps(start(arguments.presets[0], arguments.data, arguments.one)))
        return
    head = ["preset", "cache", *PARTS, "first update: CPU", "programs", "XLA"]
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    for preset in arguments.presets:
        with tempfile.TemporaryDirectory() as cache:
            started(preset, arguments.data, cache)
            for name, folder in (("cold", ""), ("warm", cache)):
                found = [started(preset, arguments.data, folder) for _ in range(arguments.repeat)]
                best = min(found, key=lambda each: each["first update"])
                figures = [f"{best[part]:.1f}" for part in PARTS]
                figures += [f"{best['cpu']:.1f}", str(best["programs"]), f"{best['xla']:.1f}"]
                print(f"| {preset} | {name} | " + " | ".join(figures) + " |", flush=True)


def started(preset: str, data: str, cache: str) -> dict[str, Any]:
    """Start a training in a process of its own; return the seconds of its parts."""
    command = [sys.executable, __file__, preset, "--data", data, "--one", cache]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


class Clock:
    """The seconds at the ends of parts, and the seconds that all cores have worked until then."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}

    def note(self, part: str) -> None:
        """Note the first end of a part."""
        self.wall.setdefault(part, time.perf_counter())
        self.cpu.setdefault(part, time.process_time())

    def after(self, part: str, module: Any, name: str) -> None:
        """Let a function of a module note the end of a part when it returns."""
        function = getattr(module, name)

        def noted(*given: Any, **named: Any) -> Any:
            result = function(*given, **named)
            self.note(part)
            return result

        setattr(module, name, noted)


class Validated(Exception):
    """The first validation is done."""


def start(preset: str, data: str, cache: str) -> dict[str, Any]:
    """Start a training in this process and end it after its first validation."""
    clock = Clock()
    clock.note("began")
    compiled = count_programs(cache)
    from cape import experiment as experiments
    from cape.commands.train import presets
    from cape.config import load_toml
    from cape.training import attempt as fitting
    from cape.training import build as building

    clock.note("import")
    settings = load_toml(experiments.Experiment, presets()[preset])
    settings = dataclasses.replace(settings, data=dataclasses.replace(settings.data, folder=data))
    experiments.simulated(settings.data, progress=False)
    clock.note("simulated")
    clock.after("data", experiments, "check_data")
    clock.after("equation", building, "identify")
    clock.after("model", experiments, "build")
    stop_after_validation(clock, fitting)
    with contextlib.suppress(Validated):
        experiments.train(settings, experiments.prepare(settings.data, progress=False), progress=False)
    before = ("began", "simulated", *PARTS[1:-1])
    found = {part: clock.wall[part] - clock.wall[since] for part, since in zip(PARTS, before, strict=True)}
    return found | {
        "programs": len(compiled),
        "xla": sum(compiled),
        "cpu": clock.cpu["first update"] - clock.cpu["model"],
    }


def count_programs(cache: str) -> list[float]:
    """Import jax with a folder of compiled programs, if one is given; return a list of the seconds of XLA to come."""
    import jax

    if cache:
        jax.config.update("jax_compilation_cache_dir", cache)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    compiled: list[float] = []

    def listen(event: str, seconds: float, **about: Any) -> None:
        if event.endswith("backend_compile_duration"):
            compiled.append(seconds)

    jax.monitoring.register_event_duration_secs_listener(listen)
    return compiled


def stop_after_validation(clock: Clock, fitting: Any) -> None:
    """Let a training note its first update and its first validation, and end after this."""
    import jax

    add, validate = fitting.RunningEpoch.add, fitting.Attempt._validate

    def noted(running: Any, measures: Any, steps: int) -> None:
        if "first update" not in clock.wall:
            jax.block_until_ready(measures)
            clock.note("first update")
        add(running, measures, steps)

    def last(*given: Any, **named: Any) -> Any:
        validate(*given, **named)
        clock.note("first validation")
        raise Validated

    fitting.RunningEpoch.add, fitting.Attempt._validate = noted, last


if __name__ == "__main__":
    main()
