"""cape publish."""

import tempfile
from pathlib import Path

from cape.commands.options import Model
from cape.commands.session import prepare_jax


def publish(
    run: Model,
    /,
    out: str = "",
    hub: str = "",
    license: str = "Apache-2.0",
    overwrite: bool = False,
    private: bool = False,
) -> None:
    """Make a pretrained folder from a run, in a folder or on a hub: weights, model card and sample data.

    Args:
        run: folder of a finished run. With --hub, also a folder that `cape publish` wrote.
        out: folder to write; its name becomes the name of the surrogate.
        hub: repository OWNER/NAME of the Hugging Face Hub to upload the folder to (extra `hub`). It is made if it does
            not exist.
        license: of the weights, an SPDX identifier.
        overwrite: replace an existing pretrained folder, and the surrogate in an existing repository.
        private: a repository that is made is not public.
    """
    from cape.locate import repository_of
    from cape.release.hub import upload
    from cape.release.publish import is_published
    from cape.release.publish import publish as publish_run

    if not out and not hub:
        raise ValueError("expected --out FOLDER, --hub OWNER/NAME, or both")
    repository = repository_of(hub) if hub else ""
    prepare_jax()
    if hub and not out and is_published(run):
        print(upload(Path(run), repository, overwrite=overwrite, private=private))
        return
    address = f"hf://{repository}" if hub else ""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(out) if out else Path(temporary) / repository.partition("/")[2]
        publish_run(run, folder, license=license, overwrite=overwrite, address=address)
        if out:
            print(out)
        if hub:
            print(upload(folder, repository, overwrite=overwrite, private=private))
