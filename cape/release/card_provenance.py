"""Sections of a model card on provenance: data, training, files, licence, versions."""

from cape.datasets.equations.equation import EQUATIONS
from cape.release.markdown import ordinal
from cape.release.model_card import ModelCard

_LICENCE_LINKS = {"Apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0"}


def data(card: ModelCard) -> str:
    """Describe the data: their source, their split and the hash of the training data."""
    config = card.experiment.data
    strides = [
        f"every {ordinal(n)} {what}"
        for n, what in ((config.space_stride, "point"), (config.time_stride, "frame"))
        if n > 1
    ]
    used = f" Used: {' and '.join(strides)}." if strides else ""
    held_out = f" Never trained on: {', '.join(config.held_out)}." if config.held_out else ""
    train, validation, test = card.samples
    return (
        f"## Data\n\n{_source(card)}{used}{held_out} The trajectories are split by initial condition (split seed "
        f"{config.split_seed}): {train} trajectories are trained on, {validation} are for validation, which chooses "
        f"the weights, and {test} are evaluated on.\n\n"
        f"SHA-256 of the training data: the parameters (float64 [trajectory, parameter]) followed by the fields "
        f"(float32 [trajectory, time, *space, channel]), both little-endian:\n`{card.training_sha256}`"
    )


def training(card: ModelCard) -> str:
    """Give the commands that repeat the training."""
    config = card.experiment.training
    files = " They need the files above in the working folder." if card.files else ""
    stages = "".join(f"{i}. {stage.text}\n" for i, stage in enumerate(card.lineage, 1))
    start = f" They start from the weights of {card.experiment.start.model}." if stages else ""
    lineage = f"The weights come from several trainings:\n\n{stages}\n" if stages else ""
    return (
        f"## Training\n\n{lineage}The settings are in training.json. These commands repeat the training and write this "
        f"folder.{start}{files}\n\n```\ncape train training.json --out runs/{card.name}\n"
        f"cape publish runs/{card.name} --out {card.name} --license {card.licence}\n```\n\n"
        f"{config.epochs} epochs in batches of {config.batch}, seed {config.seed}. The run keeps the latest weights "
        "whose validation error is within the noise of the best."
    )


def contents(card: ModelCard) -> str:
    """List the files, the licence and the versions."""
    sample, link = card.sample, _LICENCE_LINKS.get(card.licence)
    licence = f"[{card.licence}]({link})" if link else card.licence
    versions = ", ".join(f"{name} {version}" for name, version in card.versions.items())
    covered = "the weights and the sample"
    if card.files:
        covered = "the weights; the sample is an excerpt of the data files and has their licence"
    return (
        "## Files, licence, versions\n\n"
        "- `config.json`: format version, problem and architecture\n"
        "- `weights.safetensors`: the weights, plain arrays\n"
        f"- `sample.hdf5`: {sample.samples} of the trajectories evaluated on, {sample.frames} frames each, in "
        "the layout of PDEBench\n"
        "- `training.json`: the settings of the training\n"
        "- `split.json`: the initial conditions used for training and validation\n\n"
        f"{licence} is the licence of {covered}. Written with {versions}."
    )


def _source(card: ModelCard) -> str:
    """Say where the data come from: files, or a simulation."""
    if card.files:
        return "Read from the files\n\n" + "\n".join(f"- {name}" for name in card.files) + "\n"
    simulation = card.experiment.data.simulation.complete
    equation = EQUATIONS.find(simulation.equation)
    scheme = f", solved {equation.scheme}" if equation.scheme else ""
    return (
        f"Simulated by `cape.datasets.simulate`{scheme}: {'; '.join(simulation.parameters)}, {simulation.samples} "
        f"trajectories per file, {simulation.resolution} points, {simulation.frames} frames to t = "
        f"{simulation.t_end:g}, seed {simulation.seed}."
    )
