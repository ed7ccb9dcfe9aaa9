"""--from MODEL: the settings of a training that starts from a surrogate."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cape.experiment import Experiment

FROM = "--from"
FROM_HELP = (
    f"{FROM} MODEL starts from the weights of a surrogate: the folder of a run, a pretrained folder, the name of a "
    "shipped one, or hf://OWNER/NAME. Without PRESET, the defaults are the settings that it was trained with. Rollouts "
    "are then autoregressive from the first epoch on, there is no warm-up, and the learning rate is small. With "
    "--data.files, epochs and batch size are chosen for the new data."
)


def split_start(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Return the model that --from MODEL or --from=MODEL names, or an empty text, and all other arguments.

    Raises:
        ValueError: --from comes without a model, or twice.
    """
    model, others, remaining = "", [], iter(arguments)
    for argument in remaining:
        option, equals, value = argument.partition("=")
        if option != FROM:
            others.append(argument)
            continue
        value = value if equals else next(remaining, "")
        if not value or value.startswith("-") or model:
            raise ValueError(f"{FROM}: expected one folder or name of a surrogate, such as {FROM} runs/mine")
        model = value
    return model, others


def settings_from(model: str, preset: "Experiment | None", *, new_data: bool) -> "Experiment":
    """Return the default settings of a training from a surrogate.

    Args:
        preset: whose data and training are used; None: those of the surrogate's own training.
        new_data: other data will be given.

    Raises:
        ValueError: there is no such surrogate, or no data are given and it does not record its own.
    """
    from cape.config import from_dict
    from cape.data import DataConfig
    from cape.experiment import Experiment, recorded_settings
    from cape.locate import locate
    from cape.model.config import ModelConfig
    from cape.pretrained import read_config
    from cape.training.automatic import AUTOMATIC_TRAINING
    from cape.training.start import StartConfig, fine_tuning

    folder = locate(model)
    settings = preset or recorded_settings(folder)
    if settings is None and not new_data:
        raise ValueError(f"{FROM} {model}: its training data are not recorded; give --data.files or a preset")
    new_data = new_data and preset is None  # the data, epochs and batch size of a preset hold
    data = DataConfig() if settings is None or new_data else settings.data
    training = AUTOMATIC_TRAINING if settings is None else settings.training
    architecture = from_dict(ModelConfig, read_config(folder)["model"], str(folder))
    return Experiment(data, architecture, fine_tuning(training, new_data=new_data), StartConfig(model))


def run_name(model: str) -> str:
    """Return a name for the runs from a surrogate."""
    from cape.locate import name_without_folder

    return f"{Path(name_without_folder(model)).name}-continued"
