"""Locate surrogates: in a folder, among the shipped ones by name, or in a repository of a hub."""

import importlib.resources
import re
from pathlib import Path

from cape.registry import nearest

HUB = "hf://"
FILES = ("*.json", "*.safetensors", "*.md", "*.hdf5")  # only these are fetched from a hub
_HUB_NAME = re.compile(r"(?P<owner>\w[\w.-]*)/(?P<name>\w[\w.-]*)(@(?P<revision>\w[\w./-]*))?")


def locate(name: str | Path) -> Path:
    """Return the pretrained folder of a path, of a shipped surrogate's name, or of hf://OWNER/NAME.

    A folder of that path comes first, then a shipped surrogate of that name. For the folder of a run, the folder of its
    model is returned. hf://OWNER/NAME[@REVISION] fetches a repository of the Hugging Face Hub (extra `hub`); no other
    name uses the network.

    Raises:
        ValueError: nothing has that name, the run has no model yet, or the hub cannot be reached.
        ImportError: a hub is named and the extra `hub` is not installed.
    """
    if isinstance(name, str) and name.startswith(HUB):
        return _fetch(name)
    folder = Path(name)
    if (folder / "model" / "config.json").is_file():
        return folder / "model"
    if (folder / "checkpoints").is_dir():
        raise ValueError(
            f"{folder}: the run was never validated, so it has no model yet; continue its training"
        )
    known = shipped()
    if folder.is_dir() or str(name) not in known:
        _check_pretrained(folder, known)
        return folder
    return known[str(name)]


def shipped() -> dict[str, Path]:
    """Return the surrogates that come with the package, sorted by name: name -> folder."""
    folder = Path(str(importlib.resources.files("cape.shipped")))
    found = sorted(file.parent for file in folder.glob("*/config.json"))
    return {path.name: path for path in found if not path.name.startswith(".")}  # a dot: still being written


def repository_of(address: str) -> str:
    """Return OWNER/NAME of an address OWNER/NAME or hf://OWNER/NAME.

    Raises:
        ValueError: the address has another form, or names a revision.
    """
    found = _HUB_NAME.fullmatch(address.removeprefix(HUB))
    if not found or ".." in address or found["revision"]:
        raise ValueError(f"expected the repository OWNER/NAME of a hub, got {address!r}")
    return f"{found['owner']}/{found['name']}"


def name_without_folder(name: str) -> str:
    """Return the name of a surrogate for others: that of its folder, of a shipped surrogate, or hf://OWNER/NAME."""
    path = Path(name)
    if name.startswith(HUB):
        return name
    return path.parent.name if path.name == "model" and path.parent.name else path.name


def check_inside(folder: Path, file: Path) -> None:
    """Raise ValueError if a file of a pretrained folder is a link that leads out of the folder.

    In the cache of a hub, the files are links into the folder `blobs` of the same repository.
    """
    root = folder.resolve()
    if root.parent.name == "snapshots" and (root.parents[1] / "blobs").is_dir():
        root = root.parents[1]
    try:
        inside = file.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # links in a circle
        inside = False
    if not inside:
        raise ValueError(f"{file}: a link out of the folder, which is refused; copy the file into the folder")


def _check_pretrained(folder: Path, known: dict[str, Path]) -> None:
    """Raise ValueError unless a folder can be a pretrained one."""
    if folder.is_file():
        raise ValueError(
            f"{folder}: a file, expected a pretrained folder (config.json and weights.safetensors); pickled files are "
            "never loaded. `cape convert` makes a pretrained folder from weights of the published PyTorch code"
        )
    if not folder.is_dir():
        names = nearest(folder, known) if known else "none is shipped with this version"
        raise ValueError(
            f"{folder}: expected a pretrained folder, the folder of a run, or the name of a shipped surrogate; {names}"
        )
    if not (folder / "config.json").is_file():
        raise ValueError(
            f"{folder}: expected a pretrained folder (config.json and weights.safetensors), or the folder of a run "
            "with a pretrained folder model/ in it"
        )


def _fetch(name: str) -> Path:
    """Download a repository of the hub, or reuse its local copy."""
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
