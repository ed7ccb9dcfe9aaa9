"""The command line: `cape COMMAND ...`. Every mistake of a user ends in one line and a non-zero exit status.

Heavy packages are imported when a command needs them: help and `cape inspect` answer without jax.
"""

import importlib
import inspect as introspection
import os
import sys
import warnings
from collections.abc import Callable, Sequence

import tyro

from cape.commands.adapt import adapt
from cape.commands.calibrate import calibrate
from cape.commands.check import check
from cape.commands.convert import convert
from cape.commands.download import download
from cape.commands.evaluate import evaluate
from cape.commands.export import export
from cape.commands.import_ import import_
from cape.commands.infer import infer
from cape.commands.inspect import inspect
from cape.commands.models import models
from cape.commands.predict import predict
from cape.commands.publish import publish
from cape.commands.report import report
from cape.commands.runs import runs
from cape.commands.signals import Signalled
from cape.commands.simulate import simulate
from cape.commands.sweep import sweep
from cape.commands.train import train
from cape.datasets.formats.question import Unanswered
from cape.datasets.names import printable
from cape.registry import nearest
from cape.training.interruption import Interrupted

COMMANDS: dict[str, Callable] = {
    "train": train,
    "sweep": sweep,
    "runs": runs,
    "evaluate": evaluate,
    "adapt": adapt,
    "check": check,
    "calibrate": calibrate,
    "report": report,
    "predict": predict,
    "infer": infer,
    "inspect": inspect,
    "import": import_,
    "simulate": simulate,
    "download": download,
    "publish": publish,
    "models": models,
    "export": export,
    "convert": convert,
}
_PARSE_THEMSELVES = ("train", "sweep")  # their options depend on the preset
_IMPORT = "--import"
_IMPORT_HELP = "--import MODULE (repeatable) first imports a module that registers further parts."
_LONGEST_MESSAGE = 1000  # characters; messages of compilers can run over pages


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status.

    The status is 0 after success, 1 after an error that was reported, 2 for a misspelt command or option, 130 after an
    interruption (Ctrl-C), 141 if the reader of the output closed it, and 143 after SIGTERM.
    """
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
        warnings.showwarning = lambda message, *_: print(f"warning: {_shown(str(message))}", file=sys.stderr)
        return _run(command, arguments)


def _run(command: str, arguments: list[str]) -> int:
    try:
        modules, arguments = _split_imports(arguments)
        _import_modules(modules)
        if command in _PARSE_THEMSELVES:
            COMMANDS[command](arguments)
        else:
            description = _description(COMMANDS[command])
            tyro.cli(COMMANDS[command], args=arguments, prog=f"cape {command}", description=description)
        sys.stdout.flush()
    except SystemExit as status:  # tyro has printed help or reported a mistake, or SIGTERM stopped a training
        return int(status.code or 0)
    except BrokenPipeError:  # the reader of the output (head, less) has closed it
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, so that nothing is flushed into the closed pipe at exit
        return 141
    except Interrupted:  # the training has said where it stopped
        return 130
    except KeyboardInterrupt as error:
        stopped = error if isinstance(error, Signalled) else Signalled()
        print(f"\n{stopped.line(f'cape {command}')}", file=sys.stderr)
        return stopped.status
    except (ValueError, OSError, ImportError, RuntimeError, MemoryError) as error:
        if os.environ.get("CAPE_TRACEBACK"):
            raise
        text = error.command() if isinstance(error, Unanswered) else _shown(str(error))
        print(f"cape {command}: {text or type(error).__name__}", file=sys.stderr)
        return 1
    return 0


def _shown(message: str) -> str:
    """Return a message on one line, without control characters (of file names, say), and not too long."""
    text = printable(message)
    return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + " ..."


def _split_imports(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split arguments into the modules named by --import MODULE or --import=MODULE, and all others.

    Raises:
        ValueError: an --import without a module.
    """
    modules, others, remaining = [], [], iter(arguments)
    for argument in remaining:
        option, equals, module = argument.partition("=")
        if option != _IMPORT:
            others.append(argument)
            continue
        module = module if equals else next(remaining, "")
        if not module or module.startswith("-"):
            raise ValueError(f"{_IMPORT}: expected the name of a module, such as my_package.parts")
        modules.append(module)
    return modules, others


def _import_modules(modules: Sequence[str]) -> None:
    """Import modules of the user from the current folder or the installed packages.

    Raises:
        ValueError: there is no such module, or its import fails.
    """
    folder = os.getcwd()
    if modules and not {"", folder} & set(sys.path):
        sys.path.insert(0, folder)  # as `python -m` does
    for name in modules:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if not f"{name}.".startswith(
                f"{error.name}."
            ):  # it exists, and imports another one that does not
                raise ValueError(
                    f"{_IMPORT} {name}: the module needs {error.name!r}, which is missing"
                ) from error
            raise ValueError(
                f"{_IMPORT} {name}: no such module in {folder} or among the installed packages; expected a name "
                "such as my_package.parts"
            ) from error
        except Exception as error:  # a module of the user can raise anything
            raise ValueError(
                f"{_IMPORT} {name}: importing the module raised {type(error).__name__}: {error}"
            ) from error


def _description(command: Callable) -> str:
    """Return the help text of a command: its docstring without the arguments, and the option of all commands."""
    text = (introspection.getdoc(command) or "").partition("\n\nArgs:")[0]
    return f"{text}\n\n{_IMPORT_HELP}"


def _overview() -> str:
    lines = ["usage: cape COMMAND ...      (cape COMMAND --help says more)", ""]
    for name, command in COMMANDS.items():
        lines.append(f"  {name:<10}{(command.__doc__ or '').splitlines()[0]}")
    lines += [
        "",
        f"Every command: {_IMPORT_HELP} MODULE is found in the",
        "current folder or among the installed packages: cape train my.toml --import my_package.parts",
        "",
        "With CAPE_TRACEBACK=1 in the environment, an error also shows where in the code it was raised.",
    ]
    return "\n".join(lines)
