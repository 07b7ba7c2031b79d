"""To ncnn by pnnx: a .param and a .bin file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import ncnn
import numpy as np
import torch
from job import Job, job


def main() -> None:
    """Convert, run the files, keep the answers."""
    work = job()
    with torch.no_grad():
        torch.jit.trace(work.program.module(), work.example).save(str(work.place / "model.pt"))
    _convert(work)
    for suffix in ("param", "bin"):
        made = work.place / f"model.ncnn.{suffix}"
        if not made.is_file():
            raise RuntimeError(f"pnnx made no {made.name}")
        shutil.copyfile(made, work.folder / made.name)
    left = [line.split()[0] for line in (work.folder / "model.ncnn.param").read_text().splitlines()[2:]]
    unknown = sorted({kind for kind in left if "." in kind or "::" in kind})
    if unknown:
        raise RuntimeError(f"ncnn has no {', '.join(unknown)}")
    net = ncnn.Net()
    net.opt.use_vulkan_compute, net.opt.num_threads = False, 1
    for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
        setattr(net.opt, option, False)
    if net.load_param(str(work.folder / "model.ncnn.param")) or net.load_model(
        str(work.folder / "model.ncnn.bin")
    ):
        raise RuntimeError("ncnn cannot read what pnnx wrote")

    def run(inputs: list[np.ndarray]) -> list[np.ndarray]:
        with net.create_extractor() as extractor:
            for i, x in enumerate(inputs):
                extractor.input(f"in{i}", ncnn.Mat(np.ascontiguousarray(x[0])).clone())
            answers = []
            for j in range(len(work.output_names)):
                code, value = extractor.extract(f"out{j}")
                if code:
                    raise RuntimeError(f"ncnn cannot answer out{j}: {code}")
                answers.append(np.array(value)[None])
        return answers

    work.answer(run, "ncnn", version("ncnn"), pnnx=version("pnnx"))


def _convert(work: Job) -> None:
    tool = next(
        (
            path
            for path in (Path(sys.prefix) / "bin" / "pnnx", Path(shutil.which("pnnx") or ""))
            if path.is_file()
        ),
        None,
    )
    if tool is None:
        raise RuntimeError("pnnx is not on the path")
    shapes = ",".join(f"[{','.join(map(str, x.shape))}]" for x in work.example)
    command = [str(tool), "model.pt", f"inputshape={shapes}", f"fp16={int(work.half)}"]
    ran = subprocess.run(command, cwd=work.place, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"pnnx: {(ran.stderr or ran.stdout).strip().splitlines()[-1]}")


main()
