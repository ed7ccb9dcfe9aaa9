"""Commands that write what another command is writing stop with one line and leave it alone."""

import json

import pytest
from command_line import fails

RUNNING = json.dumps({"host": "elsewhere", "process": 1, "started": "1", "since": "now"})


def locked_by_another(folder, name):
    folder.mkdir()
    (folder / name).write_text(RUNNING)


@pytest.mark.parametrize(
    ("lock", "command", "message"),
    [
        (
            ".1D_Advection_Sols_beta2.0.hdf5.lock",
            [
                "simulate",
                "advection",
                "--parameter",
                "beta=1.0,2.0",
                "--samples",
                "2",
                "--out",
                "OUT",
                "--quiet",
            ],
            "1D_Advection_Sols_beta2.0.hdf5: is already being written (process 1 on elsewhere, since now)",
        ),
        (
            "run.lock",
            ["evaluate", "RUN", "--data", "DATA", "--out", "OUT", "--no-figures"],
            "out: a command is already running in this folder (process 1 on elsewhere, since now)",
        ),
        (
            ".p.hdf5.lock",
            ["predict", "RUN", "--initial", "DATA", "--steps", "2", "--out", "OUT/p.hdf5", "--quiet"],
            "p.hdf5: is already being written (process 1 on elsewhere, since now)",
        ),
        (
            ".waves.lock",
            ["publish", "RUN", "--out", "OUT/waves"],
            "waves: is already being written (process 1 on elsewhere, since now)",
        ),
    ],
    ids=["simulate", "evaluate", "predict", "publish"],
)
def test_a_command_stops_and_names_the_process(lock, command, message, run, data, tmp_path, capsys):
    out = tmp_path / "out"
    locked_by_another(out, lock)
    places = {"RUN": run, "DATA": data, "OUT": str(out)}
    for name, place in places.items():
        command = [word.replace(name, place) if word.startswith(name) else word for word in command]
    assert message in fails(capsys, *command)
    assert [path.name for path in out.iterdir()] == [lock]
