"""The weights of a run that was stopped: from training.pt, in whichever stage it stands. python from_state.py RUN"""

import sys
from pathlib import Path
import torch
from archspace.build import build
from archspace.checkpoint import save
from archspace.spec import ArchSpec
from searches.loading import load_task
from searches.training.config import read_train

folder = Path(sys.argv[1])
data = torch.load(folder / "training.pt", map_location="cpu", weights_only=True)
task, spec = load_task(read_train(str(folder / "train.yaml")))
network = build(ArchSpec.from_dict(data["spec"]))
network.load_state_dict(data["state"]["network"])
save(
    network.eval(),
    folder / "weights.safetensors",
    preprocessing=task.preprocessing,
    notes={"classes": list(task.classes), "stopped": str(data["place"]["epoch"])},
)
print("weights of a stopped run, epoch", data["place"]["epoch"])
