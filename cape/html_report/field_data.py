"""Examples of truth and prediction as small integers, which a page holds as base64.

A page of a few megabytes holds a part of the fields. In this order, what is left out: points of fine grids, parameter
values, frames. Of a 3D field the plane in the middle of the last axis is shown.
"""

import base64
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Num

from cape.evaluation.evaluation import KINDS, Evaluation, Example
from cape.figures.box import extent

_MOST_BYTES = 2_000_000  # of all examples, before base64 adds a third
_MOST_POINTS = {1: 512, 2: 128}  # per axis
_BITS = {1: 16, 2: 8}  # lines show more levels than colours do
_FEWEST_EXAMPLES, _FEWEST_FRAMES = 5, 8
_LARGEST_ERROR = 2.0  # over the range of the truth; larger errors are shown as this one

Frames = Float[np.ndarray, "time *space channel"]


def field_data(evaluation: Evaluation) -> dict[str, Any] | None:
    """Return grid, times and examples in a form for JSON, or None if the evaluation has no examples."""
    if not evaluation.examples:
        return None
    first = _plane(evaluation.examples[0])
    dimension = len(first.coordinates)
    strides = [-(-len(x) // _MOST_POINTS[dimension]) for x in first.coordinates]
    shape = [-(-len(x) // stride) for x, stride in zip(first.coordinates, strides, strict=True)]
    frame_bytes = 2 * int(np.prod(shape)) * len(first.channel_names) * _BITS[dimension] // 8
    examples, frames = _affordable(evaluation.examples, len(first.times), _MOST_BYTES // frame_bytes)
    shown = [number for number, _ in examples]
    return {
        "channels": list(first.channel_names),
        "shape": shape,
        "extent": [round(float(edge), 9) for edge in extent(first.coordinates)],
        "times": first.times[frames].tolist(),
        "given": int(np.count_nonzero(frames < first.given)),
        "bits": _BITS[dimension],
        "numbers": shown,
        "examples": [_example(_plane(example), frames, strides) for _, example in examples],
        "left_out": _left_out(evaluation, first, len(shown), len(frames), strides),
    }


def numbers_to_base64(values: Num[np.ndarray, "..."]) -> str:
    """Return the bytes of an array, little-endian in row-major order, as base64."""
    return base64.b64encode(values.astype(values.dtype.newbyteorder("<")).tobytes()).decode()


def _plane(example: Example) -> Example:
    """Return the plane in the middle of the last axis of a 3D example; others as they are."""
    if len(example.coordinates) < 3:
        return example
    middle = len(example.coordinates[2]) // 2
    truth, prediction = example.truth[:, :, :, middle], example.prediction[:, :, :, middle]
    return dataclasses.replace(
        example, truth=truth, prediction=prediction, coordinates=example.coordinates[:2]
    )


def _affordable(
    examples: Sequence[Example], frames: int, total: int
) -> tuple[list[tuple[int, Example]], np.ndarray]:
    """Choose examples and frames, evenly spread, so that there are at most `total` frames of all examples."""
    count = max(min(len(examples), total // frames), min(len(examples), _FEWEST_EXAMPLES))
    per_example = int(np.clip(total // count, min(frames, _FEWEST_FRAMES), frames))
    every_kind = [
        next(i for i, e in enumerate(examples) if e.kind == kind) for kind in KINDS if _has(examples, kind)
    ]
    spread = np.unique(np.linspace(0, len(examples) - 1, count).round().astype(int)).tolist()
    missing = [i for i in every_kind if examples[i].kind not in {examples[j].kind for j in spread}]
    chosen = sorted({*spread, *missing})
    times = np.unique(np.linspace(0, frames - 1, per_example).round().astype(int))
    return [(i, examples[i]) for i in chosen], times


def _has(examples: Sequence[Example], kind: str) -> bool:
    return any(example.kind == kind for example in examples)


def _example(example: Example, frames: np.ndarray, strides: Sequence[int]) -> dict[str, Any]:
    points = (slice(None), *(slice(None, None, stride) for stride in strides))
    truth, prediction = (each[frames][points] for each in (example.truth, example.prediction))
    bits = _BITS[len(strides)]
    with np.errstate(invalid="ignore", over="ignore"):
        error = prediction.astype(np.float64) - truth
    spread = np.ptp(truth.reshape(-1, truth.shape[-1]).astype(np.float64), axis=0)
    most = _LARGEST_ERROR * np.where(spread > 0, spread, 1.0)
    clipped = np.where(np.isfinite(error), np.clip(error, -most, most), np.nan)
    return {
        "parameters": example.parameters,
        "kind": example.kind,
        "truth": coded(truth.astype(np.float64), bits),
        "error": coded(clipped, bits),
        "half_width": None if example.half_width is None else _rounded(example.half_width[frames].T),
        "level": example.level,
    }


def _rounded(values: np.ndarray) -> list[list[float | None]]:
    """Return numbers with four digits; None for what is not finite."""
    return [[float(f"{v:.4g}") if np.isfinite(v) else None for v in line] for line in values]


def coded(values: Frames, bits: int) -> dict[str, Any]:
    """Write fields as signed integers of some bits: value = offset + scale x integer, for each channel.

    The lowest integer stands for a value that is not finite. The order is [channel, time, *space].
    """
    most = 2 ** (bits - 1) - 1
    channels = np.moveaxis(values, -1, 0)
    flat = channels.reshape(len(channels), -1)
    finite = np.isfinite(flat)
    low = np.where(finite, flat, np.inf).min(1)
    high = np.where(finite, flat, -np.inf).max(1)
    low, high = (np.where(np.isfinite(bound), bound, 0.0) for bound in (low, high))
    offset, scale = (low + high) / 2, np.maximum((high - low) / (2 * most), 1e-30)
    integers = np.where(
        finite, np.round((np.where(finite, flat, 0.0) - offset[:, None]) / scale[:, None]), -most - 1
    )
    return {
        "offset": offset.tolist(),
        "scale": scale.tolist(),
        "values": numbers_to_base64(integers.astype(f"int{bits}")),
    }


def _left_out(
    evaluation: Evaluation, plane: Example, examples: int, frames: int, strides: Sequence[int]
) -> str:
    """Say in a sentence what of the fields the page does not hold; empty if it holds everything."""
    parts = []
    if examples < len(evaluation.examples):
        parts.append(f"{examples} of {len(evaluation.examples)} parameter values")
    if frames < len(plane.times):
        parts.append(f"{frames} of {len(plane.times)} frames")
    if max(strides) > 1:
        parts.append(f"every {max(strides)}th point of each axis")
    if len(evaluation.examples[0].coordinates) == 3:
        parts.append("the plane in the middle of the last axis")
    return f"Shown: {', '.join(parts)}." if parts else ""
