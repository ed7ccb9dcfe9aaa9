"""The program `cape`. It handles signals before it imports anything that takes time."""

import sys
from collections.abc import Sequence

from cape.commands.signals import SignalHandlers, Signalled


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command as a program and return its exit status (see `cape.cli.main`)."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    command = " ".join(["cape", *(each for each in arguments[:1] if not each.startswith("-"))])
    handlers = SignalHandlers(command)
    handlers.install()
    try:
        from cape.cli import main as run

        return run(arguments)
    except KeyboardInterrupt as error:
        stopped = error if isinstance(error, Signalled) else Signalled()
        print(stopped.line(command), file=sys.stderr)
        return stopped.status
    finally:
        handlers.finish()
