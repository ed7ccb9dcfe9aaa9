"""Where surrogates are found: in a folder, among the shipped ones by name, or in a repository of a hub."""

import importlib.resources
import re
from pathlib import Path

from cape.config import nearest

HUB = "hf://"
FILES = ("*.json", "*.safetensors", "*.md", "*.hdf5")  # nothing else is ever fetched
_HUB_NAME = re.compile(r"(?P<owner>\w[\w.-]*)/(?P<name>\w[\w.-]*)(@(?P<revision>\w[\w./-]*))?")


def locate(name: str | Path) -> Path:
    """Find the pretrained folder meant by a path, by the name of a shipped surrogate, or by hf://OWNER/NAME.

    A folder of that path comes first, then a shipped surrogate of that name. The folder of a run stands for the
    model in it. hf://OWNER/NAME[@REVISION] fetches a repository of the Hugging Face Hub (extra `hub`); nothing
    else touches the network.

    Raises:
        ValueError: there is nothing of that name, the run has no model yet, or the hub cannot be reached.
        ImportError: a hub is asked for without the extra `hub`.
    """
    if isinstance(name, str) and name.startswith(HUB):
        return _fetch(name)
    folder = Path(name)
    if (folder / "model" / "config.json").is_file():
        return folder / "model"
    if (folder / "checkpoints").is_dir():
        raise ValueError(f"{folder}: a run that was never validated, so it has no model yet; train it on")
    known = shipped()
    if folder.is_dir() or str(name) not in known:
        _refuse_unlike_a_folder(folder, known)
        return folder
    return known[str(name)]


def shipped() -> dict[str, Path]:
    """List the surrogates that come with the package: name -> folder, by name."""
    folder = Path(str(importlib.resources.files("cape.shipped")))
    found = sorted(file.parent for file in folder.glob("*/config.json"))
    return {path.name: path for path in found if not path.name.startswith(".")}  # those are being written


def _refuse_unlike_a_folder(folder: Path, known: dict[str, Path]) -> None:
    if folder.is_file():
        raise ValueError(
            f"{folder}: a file, expected a pretrained folder (config.json and weights.safetensors); nothing is ever "
            "unpickled here. Weights of the published PyTorch code are made one by `cape convert FILE --out FOLDER`"
        )
    if not folder.is_dir():
        names = nearest(folder, known) if known else "none is shipped with this version"
        raise ValueError(
            f"{folder}: expected a pretrained folder, the folder of a run, or the name of a shipped surrogate; {names}"
        )
    if not (folder / "config.json").is_file():
        raise ValueError(
            f"{folder}: expected a pretrained folder (config.json and weights.safetensors) or a run's folder that "
            "holds one as model/"
        )


def _fetch(name: str) -> Path:
    found = _HUB_NAME.fullmatch(name.removeprefix(HUB))
    if not found or ".." in name:
        raise ValueError(f"expected {HUB}OWNER/NAME or {HUB}OWNER/NAME@REVISION, got {name!r}")
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise ImportError(f"{name} needs huggingface_hub: pip install 'cape-jax[hub]'") from error
    repository = f"{found['owner']}/{found['name']}"
    try:
        folder = snapshot_download(repository, revision=found["revision"], allow_patterns=list(FILES))
    except (OSError, ValueError) as error:
        raise ValueError(f"{name}: could not be fetched ({' '.join(str(error).split())})") from error
    return locate(Path(folder))
