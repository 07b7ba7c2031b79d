"""Videos and webcams through PyAV: frame after frame into a new video, in which every frame keeps its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import Image

from archspace.support.errors import FieldError, InputError
from archspace.support.files import replacing

Show = Callable[[Image.Image], Image.Image]
"""From a frame to its picture, which has even sides, the same for every frame."""

NEEDED = "videos and webcams are read through PyAV: pip install 'archspace[video]'"
ENCODERS = ("libx264", "mpeg4")
USUAL_RATE = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """What became of a video: frames, (H, W) of the pictures, and the seconds that it took.

    Attributes:
        ended: why it ended: ``end``, ``frames`` (as many as asked for) or ``stopped`` (Ctrl-C).
    """

    frames: int
    size: tuple[int, int]
    seconds: float
    ended: str


def pyav() -> Any:
    """Returns the package ``av``.

    Raises:
        InputError: it is not installed.
    """
    try:
        import av
    except ImportError:
        raise InputError(NEEDED) from None
    return av


def cameras() -> list[int]:
    """Returns numbers of this machine's video devices."""
    names = (path.name.removeprefix("video") for path in Path("/dev").glob("video*"))
    return sorted(int(name) for name in names if name.isdigit())


@contextmanager
def opened(source: Path | int) -> Iterator[Any]:
    """The container of a video file, or of the webcam of that number.

    Raises:
        InputError: PyAV is missing, there is no such camera, or the file is no video.
    """
    av = pyav()
    if isinstance(source, int) and source not in cameras():
        there = ", ".join(map(str, cameras()))
        rule = f"no /dev/video{source}" + ("" if there else ": this machine has no camera")
        raise FieldError("--webcam", source, rule, there or None)
    try:
        container = (
            av.open(f"/dev/video{source}", format="v4l2") if isinstance(source, int) else av.open(str(source))
        )
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{source}: cannot be opened as a video: {reason(error)}") from None
    with container:
        if not container.streams.video:
            raise InputError(f"{source}: holds no video")
        yield container


def reason(error: Exception) -> str:
    """Returns an FFmpeg error in a few words."""
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def upright(frame: Any) -> Image.Image:
    """Returns a frame as RGB, turned as the camera was held."""
    image: Image.Image = frame.to_image()
    turn = getattr(frame, "rotation", 0) % 360
    return image.rotate(turn, expand=True) if turn else image


def expected_frames(container: Any) -> int | None:
    """About how many frames a video has; ``None`` where it does not say."""
    stream = container.streams.video[0]
    if stream.frames:
        return int(stream.frames)
    if container.duration and stream.average_rate:  # microseconds
        return max(1, round(float(container.duration / 1e6 * stream.average_rate)))
    return None


def film(
    container: Any, source: str, target: Path, show: Show, *, most: int | None, on_frame: Callable[[], None]
) -> Shot:
    """Writes ``target`` (MP4) with every frame of ``container`` as ``show`` draws it, whole or not at all.

    Ctrl-C ends it after the frame at work, and what was done until then is kept.

    Raises:
        InputError: no frame can be decoded, or the file is broken before its end.
    """
    av = pyav()
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    begun, frames, ended = time.perf_counter(), 0, "end"
    rate = Fraction(stream.average_rate or USUAL_RATE).limit_denominator(65535)
    with replacing(target) as temporary, av.open(str(temporary), "w", format="mp4") as movie:
        out: Any = None
        last = -1
        try:
            for frame in container.decode(stream):
                picture = show(upright(frame))
                if out is None:
                    out = _stream(av, movie, picture, rate, frame.time_base)
                    first = frame.pts or 0
                elif picture.size != (out.width, out.height):
                    raise InputError(f"{source}: the size changes at frame {frames + 1}; cut the video there")
                drawn = av.VideoFrame.from_image(picture)
                known = frame.pts is not None and frame.time_base
                drawn.time_base = frame.time_base if known else 1 / rate
                drawn.pts = max(last + 1, frame.pts - first if known else frames)
                last = drawn.pts
                movie.mux(out.encode(drawn))
                frames += 1
                on_frame()
                if frames == most:
                    ended = "frames"
                    break
        except KeyboardInterrupt:
            ended = "stopped"
        except av.error.FFmpegError as error:
            raise InputError(f"{source}: cannot be decoded after {frames} frames: {reason(error)}") from None
        if out is None:
            if ended == "stopped":
                raise KeyboardInterrupt
            raise InputError(f"{source}: holds no frame that can be decoded")
        movie.mux(out.encode())
        size = (out.height, out.width)
    return Shot(frames=frames, size=size, seconds=time.perf_counter() - begun, ended=ended)


def _stream(av: Any, movie: Any, picture: Image.Image, rate: Fraction, time_base: Fraction | None) -> Any:
    """The video stream of a new file, in the first encoder that this PyAV has."""
    encoder = next(name for name in ENCODERS if name in av.codecs_available)
    stream = movie.add_stream(encoder, rate=rate)
    stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "yuv420p"
    if time_base is not None and encoder == "libx264":
        stream.codec_context.time_base = time_base
    return stream
