"""Compare trainings whose network multiplies in bfloat16 with trainings in float32, on any device.

    python benchmarks/bfloat16.py burgers1d [--data data] [--epochs 10] [--seeds 0 1 2]

CPUs compute such products in float32. Here the factors of every product that `training.products = "bfloat16"` marks
are therefore rounded to bfloat16 by operations of their own, forwards and backwards, and the products are computed and
added in float32. This is what accelerators do, up to the order of sums. No equation is identified, so that the network
does all the work. Printed is the lowest validation error of each training: the mean error of rollouts, in float32.
"""

import argparse
import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, Var, jaxpr_as_fun
from table_text import spread  # type: ignore[import-not-found]

from cape.commands.session import prepare_jax
from cape.commands.train import presets
from cape.config import load_toml
from cape.experiment import Experiment, prepare, train
from cape.training import attempt as fitting
from cape.training.log import read

_BITS = {"exponent_bits": 8, "mantissa_bits": 7}  # of bfloat16


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("preset")
    parser.add_argument("--data", default="data", help="folder of simulated data")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    prepare_jax()
    settings = load_toml(Experiment, presets()[arguments.preset])
    settings = dataclasses.replace(
        settings,
        data=dataclasses.replace(settings.data, folder=arguments.data),
        model=dataclasses.replace(settings.model, identify=False),
    )
    data = prepare(settings.data)
    fitting.update = rounded_update(fitting.update)  # type: ignore[assignment]
    print("| products | validation error |\n|---|---|")
    for products in ("float32", "bfloat16"):
        errors = []
        for seed in arguments.seeds:
            config = dataclasses.replace(
                settings.training, epochs=arguments.epochs, seed=seed, products=products
            )
            with tempfile.TemporaryDirectory() as folder:
                train(dataclasses.replace(settings, training=config), data, Path(folder), progress=False)
                records = read(Path(folder) / "metrics.jsonl")
            errors.append(
                min(record["validation_error"] for record in records if "validation_error" in record)
            )
        print(f"| {products} | {spread(errors)} |", flush=True)


def rounded_update(update: Callable[..., Any]) -> Callable[..., Any]:
    """Return the update with the factors of marked products rounded; the program of each shape is made once."""
    programs: dict[Any, Callable[..., Any]] = {}

    def apply(settings: Any, *arguments: Any) -> Any:
        shapes = tuple((a.shape, str(a.dtype)) for a in jax.tree.leaves(arguments))
        if (settings, shapes) not in programs:
            function = lambda *given: update(settings, *given)  # noqa: E731
            jaxpr, out = jax.make_jaxpr(function, return_shape=True)(*arguments)
            structure = jax.tree.structure(out)
            flat = jax.jit(jaxpr_as_fun(rounded(jaxpr)))
            programs[settings, shapes] = lambda *given: structure.unflatten(flat(*jax.tree.leaves(given)))
        return programs[settings, shapes](*arguments)

    return apply


def rounded(part: Any) -> Any:
    """Round the factors of marked products in a program, also in the programs inside of it."""
    if isinstance(part, ClosedJaxpr):
        return ClosedJaxpr(rounded(part.jaxpr), part.consts)
    if isinstance(part, tuple):
        return tuple(map(rounded, part)) if type(part) is tuple else part
    if not isinstance(part, Jaxpr):
        return part
    equations = []
    for equation in part.eqns:
        equation = equation.replace(params={k: rounded(v) for k, v in equation.params.items()})
        if equation.primitive.name == "dot_general" and "BF16" in str(equation.params["precision"]):
            factors = [Var(factor.aval) for factor in equation.invars]
            for factor, known in zip(factors, equation.invars, strict=True):
                step = equation.replace(
                    primitive=jax.lax.reduce_precision_p, invars=[known], outvars=[factor], params=_BITS
                )
                equations.append(step)
            equation = equation.replace(invars=factors)
        equations.append(equation)
    return part.replace(eqns=equations)


if __name__ == "__main__":
    main()
