"""The commands of `cape`, by name. Each imports what it computes with when it runs, so that help answers at once."""

from collections.abc import Callable

from cape.commands.conversion import convert
from cape.commands.data import download, inspect, simulate
from cape.commands.evaluation import evaluate
from cape.commands.prediction import predict
from cape.commands.pretrained import export, models, publish
from cape.commands.training import train

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
