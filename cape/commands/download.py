"""cape download: download PDEBench's files."""

from pathlib import Path

from cape.commands.options import Files


def download(names: Files, /, out: str = "data") -> None:
    """Download published PDEBench files by name or pattern; interrupted downloads are continued, files are verified.

    Args:
        names: such as 1D_Burgers_Sols_Nu0.01.hdf5 or '1D_Advection_*'.
        out: folder for the files.
    """
    from cape.datasets.download import download as fetch

    if not names:
        raise ValueError("expected names or patterns of published files, such as '1D_Burgers_*'")
    for path in fetch(list(names), Path(out)):
        print(path)
