"""What a converter is asked, and what it answers: files in a folder. Imports torch and NumPy alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

JOB, ANSWER, PROGRAM = "job.json", "answer.json", "program.pt2"
INPUTS, OUTPUTS = "inputs.npz", "outputs.npz"


class Job:
    """A job: the graph of torch.export, what travels with it, the runs to answer, where files go.

    Attributes:
        folder: where the converted files go.
        program: the graph.
        metadata: plain data that travels with the network, each value as JSON.
        half: whether numbers are float16.
        input_names, output_names: of the signature.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        given = json.loads((place / JOB).read_text(encoding="utf-8"))
        self.folder = Path(given["folder"])
        self.metadata: dict[str, str] = {
            f"archspace.{k}": json.dumps(v) for k, v in given["metadata"].items()
        }
        self.half: bool = given["half"]
        self.input_names: list[str] = given["input_names"]
        self.output_names: list[str] = given["output_names"]
        self.program = torch.export.load(place / PROGRAM)

    @property
    def example(self) -> tuple[Any, ...]:
        """The inputs with which the graph was traced."""
        args, _ = self.program.example_inputs
        return tuple(args)

    def runs(self) -> list[list[np.ndarray[Any, Any]]]:
        """Returns the inputs of every run."""
        kept = np.load(self.place / INPUTS)
        runs: list[list[np.ndarray[Any, Any]]] = []
        for key in kept.files:
            run, _ = map(int, key.split("_"))
            while len(runs) <= run:
                runs.append([])
            runs[run].append(kept[key])
        return runs

    def answer(
        self, run: Callable[[list[Any]], Sequence[Any]] | None, runtime: str, version: str, **more: Any
    ) -> None:
        """Keep what ``run`` answers to every run, if there is a runtime, and the runtime's version."""
        answers = {} if run is None else {
            f"{i}_{j}": np.asarray(value)
            for i, inputs in enumerate(self.runs())
            for j, value in enumerate(run(inputs))
        }  # fmt: skip
        np.savez(self.place / OUTPUTS, **answers)  # type: ignore[arg-type]
        said = {"runtime": runtime, "version": version, **more}
        (self.place / ANSWER).write_text(json.dumps(said), encoding="utf-8")


def job() -> Job:
    """Returns the job whose folder the command line names."""
    return Job(Path(sys.argv[1]))
