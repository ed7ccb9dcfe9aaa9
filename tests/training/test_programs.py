"""The programs of a training are compiled before they are due, each once."""

import dataclasses
import threading

import jax
import pytest
from small_trainings import CONFIG, train

from cape.datasets.augmentation import Augmentation

pytestmark = pytest.mark.usefixtures("standard_promotion")
PROGRAMS = ("jit(update)", "jit(warm_up_update)", "jit(validate)")


@pytest.fixture
def compiled():
    """Collect (program, name of the thread) of all programs of a training that XLA compiles."""
    found, event = [], "/jax/core/compile/backend_compile_duration"

    def listen(name, seconds, **about):
        if name == event and about.get("fun_name") in PROGRAMS:
            found.append((about["fun_name"], threading.current_thread().name.split("_")[0]))

    jax.monitoring.register_event_duration_secs_listener(listen)
    jax.clear_caches()
    yield found
    jax.monitoring.unregister_event_duration_listener(listen)


def test_what_follows_the_first_update_is_compiled_in_the_background_and_once(compiled):
    train(dataclasses.replace(CONFIG, epochs=3))
    assert compiled == [
        ("jit(warm_up_update)", "MainThread"),
        ("jit(update)", "compile"),
        ("jit(validate)", "compile"),
    ]


@pytest.mark.thorough
def test_trajectories_shown_faster_have_a_program_of_their_own(compiled):
    config = dataclasses.replace(CONFIG, epochs=3, warmup_epochs=0, augmentation=Augmentation(strides=(1, 2)))
    train(config)
    assert sorted(compiled) == [
        ("jit(update)", "MainThread"),
        ("jit(update)", "compile"),
        ("jit(validate)", "compile"),
    ]
