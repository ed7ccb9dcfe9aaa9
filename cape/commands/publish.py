"""cape publish."""

from cape.commands.options import Model
from cape.commands.session import prepare_jax


def publish(run: Model, /, out: str, license: str = "Apache-2.0", overwrite: bool = False) -> None:
    """Make a pretrained folder from a run: weights, model card and sample data.

    Args:
        run: folder of a finished run.
        out: folder to write; its name becomes the name of the surrogate.
        license: of the weights, an SPDX identifier.
        overwrite: replace an existing pretrained folder.
    """
    from cape.release.publish import publish as publish_run

    prepare_jax()
    print(publish_run(run, out, license=license, overwrite=overwrite))
