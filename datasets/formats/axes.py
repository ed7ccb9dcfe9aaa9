"""Find the arrays that hold the fields, and what each of their axes means."""

from __future__ import annotations

from collections import Counter

from cape.datasets.formats.array_file import is_number
from cape.datasets.formats.known import Known, listed
from cape.datasets.formats.question import Unanswered
from cape.datasets.formats.words import CHANNEL, SAMPLE, SPACE, TIME, WORDS, word_of
from cape.registry import nearest

LEAST_AXES = 2  # time and x
STACK = "made one first, by `Dataset.stack` of xarray or `reshape` of NumPy"


def find_fields(known: Known) -> None:
    """Find the fields of a file and their axes; what is not certain is asked for.

    Raises:
        ValueError: a field that is named is missing, or fields and axes do not fit together.
    """
    named, contents = known.description.fields, known.contents
    if named is None:
        known.fields = _guessed_fields(known)
    else:
        for name in named:
            if name not in contents.arrays:
                raise ValueError(
                    f"{known.file.name}: no array {name!r}; {nearest(name, contents.arrays)}. Found {contents}"
                )
        known.fields = named
    if not known.fields:
        return
    _check_fields(known)
    known.axes = _given_axes(known) or _guessed_axes(known)
    if None in known.axes:
        words = " ".join(word or "..." for word in known.axes)
        several = f" (several axes of samples have to be {STACK})" if SAMPLE in known.axes else ""
        known.ask(
            f"the axes of {known.described(known.fields[0])}, in order, in words of {', '.join(WORDS)}{several}",
            "axes",
            f'"{words}"',
        )
    elif not known.space or TIME not in known.axes:
        raise ValueError(
            f"{known.file.name}: {known.described(known.fields[0])} has no axis of "
            f"{'space' if TIME in known.axes else 'time'}, expected time and x[, y[, z]]; "
            "say so with axes='...' if one has another name"
        )
    else:
        known.notes.append(("fields", ", ".join(known.described(name) for name in known.fields)))
        known.notes.append(("axes", " ".join(map(str, known.axes))))


def _guessed_fields(known: Known) -> tuple[str, ...]:
    """Return the arrays with the most axes; all of them if they are alike, otherwise ask."""
    arrays, given = known.contents.arrays, known.description.axes
    candidates = {
        name: arrays[name].shape for name in known.numbers() if len(arrays[name].shape) >= LEAST_AXES
    }
    if given is not None:
        fitting = {
            n: s for n, s in candidates.items() if len(s) in (len(given), len(given) + _groups(known, n))
        }
        if candidates and not fitting:
            raise ValueError(
                f"{known.file.name}: axes={' '.join(given)!r} names {len(given)} axes, but no array has as many; "
                f"found {known.contents}"
            )
        candidates = fitting
    in_time = {n: s for n, s in candidates.items() if _has_time_and_space(known, n)}
    candidates = in_time or candidates
    if not candidates:
        missing = "an array of numbers with an axis of time and one of space"
        raise Unanswered(known.file.name, f"found {known.contents}", [missing], {})
    most = max(len(shape) for shape in candidates.values())
    largest = {name: shape for name, shape in candidates.items() if len(shape) == most}
    alike = {(shape, known.contents.axis_names(name)) for name, shape in largest.items()}
    if len(alike) > 1:
        known.ask(
            f"which arrays are the fields: {', '.join(map(known.described, largest))}", "fields", '"..."'
        )
        return ()
    return tuple(largest)


def _has_time_and_space(known: Known, name: str) -> bool:
    words = {word_of(axis) for axis in known.contents.axis_names(name)}
    return TIME in words and bool(words & set(SPACE))


def _check_fields(known: Known) -> None:
    first = known.fields[0]
    for name in known.fields:
        array = known.contents.arrays[name]
        if not is_number(array.dtype):
            raise ValueError(f"{known.file.name}: {name!r} holds {array.dtype}, expected real numbers")
        if 0 in array.shape:
            raise ValueError(f"{known.file.name}: {name!r} is empty, {list(array.shape)}")
        if tuple(array.shape) != known.shape:
            raise ValueError(
                f"{known.file.name}: {known.described(name)} and {known.described(first)} differ, expected fields "
                f"with the same axes; give one of them: fields={listed((first,))}"
            )


def _groups(known: Known, name: str) -> int:
    """Return 1 if the first axis of an array counts the groups of a file, which `axes` need not name; otherwise 0."""
    axes, given = known.contents.axis_names(name), known.description.axes or ()
    return int(axes[:1] == (SAMPLE,) and SAMPLE not in given)


def _given_axes(known: Known) -> tuple[str | None, ...]:
    given, first = known.description.axes, known.fields[0]
    if given is None:
        return ()
    if len(given) + 1 == len(known.shape) and _groups(known, first):
        given = (SAMPLE, *given)
    if len(given) != len(known.shape):
        raise ValueError(
            f"{known.file.name}: axes={' '.join(given)!r} names {len(given)} axes, but {known.described(first)} has "
            f"{len(known.shape)}"
        )
    for word, name in zip(given, known.contents.axis_names(first), strict=True):
        named = word_of(name)
        if named is not None and named != word and {named, word} & {TIME, CHANNEL} and named != SAMPLE:
            raise ValueError(
                f"{known.file.name}: axes={' '.join(given)!r} calls the axis {name!r} of {known.described(first)} "
                f"{word!r}; are the axes in the order of the array?"
            )
    return given


def _guessed_axes(known: Known) -> tuple[str | None, ...]:
    """Return the word for each axis: by its name, by the length of a coordinate, or because it is the last one left."""
    names = known.contents.axis_names(known.fields[0])
    words = [word_of(name) for name in names]
    if [count for word, count in Counter(words).items() if word and count > 1]:
        words = [None] * len(words)
    for i, guess in enumerate(_by_length(known)):
        if not names[i] and guess not in words:
            words[i] = guess
    left = [i for i, word in enumerate(words) if word is None]
    if len(left) == 1 and TIME in words and set(words) & set(SPACE) and SAMPLE not in words:
        words[left[0]] = SAMPLE
    return tuple(words)


def _by_length(known: Known) -> list[str | None]:
    """Return the word of the coordinate that has the length of an axis, if no other axis or coordinate has it."""
    lengths: dict[str, set[int]] = {}
    for name in known.numbers():
        word, shape = word_of(name), known.contents.arrays[name].shape
        shape = shape[1:] if known.contents.axis_names(name)[:1] == (SAMPLE,) else shape
        long = [n for n in shape if n > 1]
        if word in (TIME, *SPACE) and len(long) == 1 and name not in known.fields:
            lengths.setdefault(str(word), set()).add(long[0])
    single = {word: found.pop() for word, found in lengths.items() if len(found) == 1}
    words: list[str | None] = []
    for n in known.shape:
        fitting = [word for word, length in single.items() if length == n]
        words.append(fitting[0] if len(fitting) == 1 and known.shape.count(n) == 1 else None)
    return words
