"""cape inspect: describe data files."""

from cape.commands.array_options import NOTHING, OfArrays
from cape.commands.options import Files


def inspect(
    files: Files,
    /,
    check_values: bool = False,
    trusted: bool = False,
    arrays: OfArrays = NOTHING,
) -> None:
    """Describe data files: axes, names, parameters, boundaries, times, notes and warnings.

    Args:
        files: files or folders, described one by one and together.
        check_values: also read all fields, to print their ranges and to find NaN and infinity.
        trusted: the files are your own; their data may lie outside their folders.
        arrays: what is in files of arrays.
    """
    from cape.datasets.inspection import inspect as describe

    wanted = arrays.description(trusted)
    print(describe(list(files), check_values=check_values, trusted=trusted, wanted=wanted))
