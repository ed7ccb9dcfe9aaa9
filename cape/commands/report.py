"""cape report."""

from cape.commands.options import Model, Paths
from cape.commands.session import prepare_jax


def report(
    model: Model,
    /,
    data: Paths = (),
    out: str = "",
    protocols: bool = False,
    trusted: bool = False,
) -> None:
    """Write a report as one HTML page that opens in any browser, from disk and without a network.

    The page shows errors over the parameters, truth and prediction with sliders over time and parameter values,
    spectra, tables, settings and warnings. Without --data, the surrogate is evaluated on the test data of its run, or
    on the sample of its published folder.

    Args:
        model: folder of a run or of a pretrained surrogate, or the name of a shipped one (`cape models`).
        data: files or folders to evaluate on.
        out: HTML file to write; an older one is replaced. Default: report.html in the folder of the run, or
            NAME-report.html in the current folder for a shipped surrogate.
        protocols: also show the results of the protocols, as `cape evaluate --protocols` does.
        trusted: the files are your own; their data may lie outside their folders.
    """
    from cape.html_report.page import write_page

    prepare_jax()
    path = write_page(model, out or None, data, protocols=protocols, trusted=trusted)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB; open it in a browser")
