"""Measure what passes between the start of a training and its first update, without and with compiled programs on disk.

    python benchmarks/speed/start.py burgers1d advection1d navierstokes2d [--data data] [--repeat 3]

The data of a preset are simulated before. Every start is a process of its own, which ends after the first validation.
Times are seconds; of several starts, the one with the fastest first update is shown. `CPU` are the seconds that all
cores together worked for the first update, which other processes on the machine change less. `cold` is without
compiled programs on disk, `warm` with all that an earlier start left.
"""

import argparse
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


def start(preset: str, data: str, cache: str) -> dict[str, Any]:
    """Start a training in this process and end it after its first validation."""
    began = time.perf_counter()
    import jax

    if cache:
        jax.config.update("jax_compilation_cache_dir", cache)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    compiled: list[tuple[str, float]] = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, seconds, **about: (
            compiled.append((str(about.get("fun_name", "")), seconds))
            if event.endswith("backend_compile_duration")
            else None
        )
    )
    from cape import experiment as experiments
    from cape.commands.train import presets
    from cape.config import load_toml
    from cape.training import build as building
    from cape.training import fit as fitting

    times = {"import": time.perf_counter()}
    settings = load_toml(experiments.Experiment, presets()[preset])
    settings = dataclasses.replace(settings, data=dataclasses.replace(settings.data, folder=data))
    experiments.simulated(settings.data, progress=False)
    simulated = time.perf_counter()
    cpu: list[float] = []  # of the process, after each part

    def after(part: str, module: Any, name: str) -> None:
        """Note when a function returns for the first time."""
        function = getattr(module, name)

        def noted(*given: Any, **named: Any) -> Any:
            result = function(*given, **named)
            times.setdefault(part, time.perf_counter())
            cpu.append(time.process_time())
            return result

        setattr(module, name, noted)

    after("data", experiments, "check_data")
    after("equation", building, "identify")
    after("model", experiments, "build")
    add = fitting.RunningEpoch.add

    def noted(self: Any, measures: Any, steps: int) -> None:
        if "first update" not in times:
            jax.block_until_ready(measures)
            times["first update"] = time.perf_counter()
            cpu.append(time.process_time())
        add(self, measures, steps)

    class Validated(Exception):
        pass

    validate = fitting._validate

    def last(*given: Any, **named: Any) -> Any:
        validate(*given, **named)
        raise Validated

    fitting.RunningEpoch.add, fitting._validate = noted, last  # type: ignore[method-assign]
    try:
        experiments.train(settings, experiments.prepare(settings.data, progress=False), progress=False)
    except Validated:
        times["first validation"] = time.perf_counter()
    since = dict(zip(PARTS, [began, simulated, *(times[part] for part in PARTS[1:-1])], strict=True))
    found = {part: times[part] - since[part] for part in PARTS}
    return found | {
        "programs": len(compiled),
        "xla": sum(seconds for _, seconds in compiled),
        "cpu": cpu[-1] - cpu[-2],
    }


if __name__ == "__main__":
    main()
