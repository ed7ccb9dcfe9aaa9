"""Write the data of a scenario of apebench, and train and measure its own FNO. Runs in an environment of its own.

    python theirs.py SCENARIO DATA.npz RESULT.json

Needs the package apebench, and nothing of cape.
"""

import json
import sys
import time
from importlib.metadata import version

import apebench
import numpy as np

FNO = "FNO;12;18;4;gelu"


def main(name: str, data: str, result: str) -> None:
    """Train the scenario's FNO with the scenario's optimiser and write the errors over the test rollouts."""
    scenario = apebench.scenarios.scenario_dict[name]()
    training, test = scenario.get_train_data(), scenario.get_test_data()  # [sample, time, channel, x]
    np.savez(data, training=np.asarray(training), test=np.asarray(test))
    started = time.process_time()
    table = scenario(task_config="predict", network_config=FNO, train_config="one", num_seeds=1)[0]
    seconds = time.process_time() - started
    columns = sorted(column for column in table.columns if column.startswith("mean_nRMSE_"))
    errors = [float(f"{table[column].iloc[0]:.4g}") for column in columns]
    with open(result, "w", encoding="utf-8") as file:
        json.dump({"errors": errors, "seconds": round(seconds, 1), "apebench": version("apebench")}, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
