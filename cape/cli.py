"""The command line: `cape COMMAND ...`. Every mistake a user can make ends in one line and a non-zero exit.

Nothing heavy is imported before a command needs it: help and `cape inspect` answer without jax.
"""

import os
import sys
import warnings
from collections.abc import Callable, Sequence

import tyro

from cape.commands.convert import convert
from cape.commands.data import download, inspect, simulate
from cape.commands.evaluate import evaluate
from cape.commands.predict import predict
from cape.commands.pretrained import export, models, publish
from cape.commands.train import train
from cape.config import nearest

COMMANDS: dict[str, Callable] = {
    "train": train,
    "evaluate": evaluate,
    "predict": predict,
    "inspect": inspect,
    "simulate": simulate,
    "download": download,
    "publish": publish,
    "models": models,
    "export": export,
    "convert": convert,
}
_LONGEST_MESSAGE = 1000  # characters; compilers' messages can run over pages
_WHEN_INTERRUPTED = {"train": "; the same command goes on", "download": "; the same command goes on"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; give the exit status: 0, 1 after a mistake that was named, 2 for a misspelt command or option."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    command = arguments.pop(0) if arguments else "--help"
    if command in ("-h", "--help"):
        print(_overview())
        return 0
    if command == "--version":
        from cape import __version__

        print(__version__)
        return 0
    if command not in COMMANDS:
        print(f"cape: unknown command {command!r}; {nearest(command, COMMANDS)}", file=sys.stderr)
        return 2
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: print(f"warning: {message}", file=sys.stderr)
        return _run(command, arguments)


def _run(command: str, arguments: list[str]) -> int:
    try:
        if command == "train":
            COMMANDS[command](arguments)  # reads its own: the options depend on the preset
        else:
            tyro.cli(COMMANDS[command], args=arguments, prog=f"cape {command}")
        sys.stdout.flush()
    except SystemExit as status:  # help was asked for, or tyro has named a mistake
        return int(status.code or 0)
    except BrokenPipeError:  # whoever read our output (head, less) has seen enough
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, so that the exit flushes nothing into the closed pipe
        return 141
    except KeyboardInterrupt:
        print(f"\ncape {command}: interrupted{_WHEN_INTERRUPTED.get(command, '')}", file=sys.stderr)
        return 130
    except (ValueError, OSError, ImportError, RuntimeError, MemoryError) as error:
        if os.environ.get("CAPE_TRACEBACK"):
            raise
        message = " ".join(str(error).split()) or type(error).__name__
        shown = message if len(message) <= _LONGEST_MESSAGE else message[:_LONGEST_MESSAGE] + " ..."
        print(f"cape {command}: {shown}", file=sys.stderr)
        return 1
    return 0


def _overview() -> str:
    lines = ["usage: cape COMMAND ...      (cape COMMAND --help says more)", ""]
    for name, command in COMMANDS.items():
        lines.append(f"  {name:<10}{(command.__doc__ or '').splitlines()[0]}")
    lines += [
        "",
        "With CAPE_TRACEBACK=1 in the environment, an error also shows where in the code it was raised.",
    ]
    return "\n".join(lines)
