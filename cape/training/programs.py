"""The programs of a training. Those that are needed later are compiled in the background while the device works."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax
from jaxtyping import Array, Float

from cape.training import processes
from cape.training.inputs import Schedule
from cape.training.phases import Phases
from cape.training.update import Measures, TrainingState, UpdateSettings, update, warm_up_update
from cape.training.validation import Validation

_VALIDATION = "validation"


class Programs:
    """Apply the updates and the validation of a training, and compile their programs before they are due.

    The first update compiles its own program. All others are then compiled one after another in a thread: the updates
    of trajectories with other numbers of states, the update after the warm-up, and the validation. In several
    processes, every program is compiled when it is due. Use it as a context manager, which ends the thread.

    Args:
        phases: of the training.
        updates: the updates of the warm-up and of the training, with the arguments of `update`.
        state_std: standard deviation of each channel of a state.
        validate: the validation.
        lengths: all numbers of states that the trajectories of a batch may have.
    """

    def __init__(
        self,
        phases: Phases,
        updates: tuple[Callable[..., Any], Callable[..., Any]],
        state_std: Float[Array, " channel"],
        validate: Validation,
        lengths: Iterable[int],
    ):
        self._phases, self._updates = phases, updates
        self._std, self._validate = state_std, validate
        self._lengths = tuple(dict.fromkeys(lengths))
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compile")
        self._compiling: dict[Any, Future] = {}
        self._begun = processes.count() > 1

    def update(
        self, epoch: int, state: TrainingState, batch: tuple[Array, Array], schedule: Schedule
    ) -> tuple[TrainingState, Measures]:
        """Apply the update of an epoch's phase (see `update`). The state passed in is donated."""
        warming, frames = self._phases.warming(epoch), batch[0]
        self._wait((warming, frames.shape[1]))
        apply = self._updates[0 if warming else 1]
        state, measures = apply(self._settings(warming), self._std, state, *batch, schedule)
        if not self._begun:
            self._begun = True
            self._compile_others(warming, jax.tree.map(_abstract, (state, batch, schedule)))
        return state, measures

    def validate(self, params: Any, model_state: Any) -> Any:
        """Return the errors of some weights (see `Validation`)."""
        self._wait(_VALIDATION)
        return self._validate(params, model_state)

    def __enter__(self) -> "Programs":
        return self

    def __exit__(self, *error: Any) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _settings(self, warming: bool) -> UpdateSettings:
        return self._phases.warm_up if warming else self._phases.training

    def _compile_others(self, warming: bool, given: tuple[Any, tuple[Any, Any], Schedule]) -> None:
        state, (frames, p), schedule = given
        first = frames.shape[1]
        for phase in (True, False) if warming else (False,):
            program = warm_up_update if phase else update
            for length in self._lengths:
                if (phase, length) != (warming, first):
                    shape = (frames.shape[0], length, *frames.shape[2:])
                    other = jax.ShapeDtypeStruct(shape, frames.dtype, sharding=frames.sharding)
                    arguments = (self._settings(phase), self._std, state, other, p, schedule)
                    self._compile((phase, length), program, *arguments)
        params = state["ema"] or state["params"]
        self._compile(_VALIDATION, *self._validate.first_call(params, state["model_state"]))

    def _compile(self, key: Any, program: Any, *arguments: Any) -> None:
        lowered = program.lower(*arguments)  # in this thread, whose settings of jax may be its own
        self._compiling[key] = self._thread.submit(lowered.compile)

    def _wait(self, key: Any) -> None:
        """Wait until a program is compiled, so that it is not compiled twice; raise the error of the compiler."""
        if compiling := self._compiling.pop(key, None):
            compiling.result()


def _abstract(array: Array) -> jax.ShapeDtypeStruct:
    sharding = array.sharding if array.committed else None
    return jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=sharding, weak_type=array.weak_type)
