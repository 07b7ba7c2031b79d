"""The link between this machine and a board: frames down, marked lines of JSON up."""

import json
import struct
from typing import Any, BinaryIO, Callable, Dict, List, Optional

MARK = "archspace1 "
"""Starts each line of the agent: what a login script of the board prints is told apart by it."""
HEADER_MOST = 65536
AGENT, REQUEST, MODEL = "agent.zip", "request.json", "model.onnx"
BEAT, RUN = "beat", "run"
BEAT_S = 2.0
"""Seconds between two signs of life, in both directions."""
SILENCE_S = 45.0
"""Seconds without one after which the other side counts as gone."""


class BadFrame(ValueError):
    """The bytes are no frame of ours."""


def header(name: str, size: int = 0) -> bytes:
    """Returns what goes before ``size`` bytes of payload: four bytes of length (big endian), then JSON."""
    text = json.dumps({"name": name, "size": size}).encode("ascii")
    return struct.pack(">I", len(text)) + text


class Receiver:
    """Takes frames apart as their bytes arrive; payloads go to files and are never held in memory.

    Args:
        opened: called with the name and size of a frame that has a payload; the file to write it to.
    """

    def __init__(self, opened: Callable[[str, int], BinaryIO]) -> None:
        self._opened = opened
        self._bytes = b""
        self._name = ""
        self._left = 0
        self._file: Optional[BinaryIO] = None

    def receive(self, data: bytes) -> List[str]:
        """Returns names of the frames that ``data`` completes.

        Raises:
            BadFrame: no frame of ours.
            OSError: a payload cannot be written.
        """
        self._bytes += data
        done: List[str] = []
        while True:
            if self._file is not None:
                part, self._bytes = self._bytes[: self._left], self._bytes[self._left :]
                self._file.write(part)
                self._left -= len(part)
                if self._left:
                    return done
                self.close()
                done.append(self._name)
            header = self._header()
            if header is None:
                return done
            self._name, self._left = header["name"], header["size"]
            if self._left:
                self._file = self._opened(self._name, self._left)
            else:
                done.append(self._name)

    def close(self) -> None:
        """Closes the file of a payload that is under way."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _header(self) -> Optional[Dict[str, Any]]:
        if len(self._bytes) < 4:
            return None
        (length,) = struct.unpack(">I", self._bytes[:4])
        if length > HEADER_MOST:
            raise BadFrame("a header of %d bytes" % length)
        if len(self._bytes) < 4 + length:
            return None
        text, self._bytes = self._bytes[4 : 4 + length], self._bytes[4 + length :]
        try:
            header = json.loads(text.decode("ascii"))
            return {"name": str(header["name"]), "size": int(header["size"])}
        except (ValueError, KeyError, TypeError) as error:
            raise BadFrame("a header that is no JSON of ours") from error
