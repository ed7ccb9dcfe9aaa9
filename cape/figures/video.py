"""Files of animations: GIF by pillow, MP4 by the program ffmpeg."""

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

_SAME_COLOUR = 8  # of 256: colours this close to that of the paper become the paper's


def write_gif(frames: list["Image"], path: Path, frames_per_second: float) -> None:
    """Write frames as a GIF that repeats for ever.

    All frames share one palette, so that colours and colour bars do not flicker. Colours are not dithered, because
    dithered frames compress badly.
    """
    from PIL import Image

    sampled = [frames[i] for i in sorted({0, len(frames) // 2, len(frames) - 1})]
    mosaic = Image.new("RGB", (frames[0].width, frames[0].height * len(sampled)))
    for number, frame in enumerate(sampled):
        mosaic.paste(frame, (0, number * frame.height))
    palette = mosaic.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    colours = np.array(palette.getpalette(), int).reshape(-1, 3)
    paper = np.array(frames[0].getpixel((0, 0)))
    colours[np.abs(colours - paper).max(axis=1) < _SAME_COLOUR] = paper  # otherwise white is slightly grey
    palette.putpalette(colours.ravel().tolist())
    first, *others = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    first.save(path, save_all=True, append_images=others, duration=round(1000 / frames_per_second), loop=0)


def write_mp4(frames: list["Image"], path: Path, frames_per_second: float) -> None:
    """Write frames as MP4: H.264 with 4:2:0 colours, which every player can show and which needs even sizes.

    Raises:
        RuntimeError: ffmpeg fails.
    """
    width, height = frames[0].size
    command = ["ffmpeg", "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{width}x{height}", "-r", f"{frames_per_second:g}", "-i", "-"]
    command += ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white", "-pix_fmt", "yuv420p", str(path)]
    raw = b"".join(frame.tobytes() for frame in frames)
    done = subprocess.run(command, input=raw, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"ffmpeg could not write {path.name}: {done.stderr.decode(errors='replace').strip()}"
        )
