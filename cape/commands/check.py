"""cape check: find out whether a model obeys its parameters."""

from typing import Annotated

import tyro

from cape.commands.session import prepare_jax

Run = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]


def check(run: Run, /, leave_one_out: bool = False, quiet: bool = False) -> None:
    """Find out whether the model of a run obeys its parameters.

    The test data of the run are rolled out with the right parameters, with those of another value (shuffled) and with
    the mean of the trained ones. The errors at each parameter value are printed, and a verdict in one line. Everything
    is written to RUN/check.json.

    Args:
        run: folder of a run.
        leave_one_out: also train once without each trained value, with the settings of the run, and compare the errors
            at that value. The trainings are in RUN/check; the same command continues a stopped one.
        quiet: show no progress bar.
    """
    from cape.checking.check import FILE
    from cape.checking.check import check as check_run

    prepare_jax()
    print(check_run(run, leave_one_out=leave_one_out, progress=not quiet))
    print(f"{FILE} is in {run}")
