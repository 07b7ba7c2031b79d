"""Writes the two runs on CamVid with as many epochs as fit: python recipes.py speed.json SECONDS_A SECONDS_B OUT_FOLDER

A: the built-in recipe espnet; its five sizes scaled to CamVid, its steps of the learning rate to the epochs.
B: one size, larger batches, more zoom, a falling learning rate.
"""

import json
import sys
from pathlib import Path

import yaml

from searches.training.config import read_train

speed, seconds_a, seconds_b, out = (
    json.loads(Path(sys.argv[1]).read_text()),
    float(sys.argv[2]),
    float(sys.argv[3]),
    Path(sys.argv[4]),
)
SPEC = {
    "network": "espnet",
    "task": "segmentation",
    "classes": 11,
    "branches": 5,
    "alphas": [2, 8],
    "input_size": [360, 480],
}


def rate(name: str) -> float:
    return speed.get(name, {}).get("steps_per_s", 0.0)


recipe = read_train("espnet").training.model_dump(mode="json", exclude_unset=True)
recipe["sizes"] = [[544, 720], [504, 600], [184, 240], [272, 360], [360, 480]]
epoch = 155 / rate("c eager b12") + 305 / rate("eager b6")
epochs = max(3, int(seconds_a / (epoch * 1.2 + 0.5)))
recipe["step_every"] = max(1, epochs // 3)
recipe["stages"] = [{**stage, "epochs": epochs} for stage in recipe["stages"]]
recipe["evaluate_every"] = max(1, epochs // 8)
a = {
    "name": "camvid-espnet",
    "about": "recipe espnet on CamVid, sizes scaled to 360 x 480, epochs cut to what fits",
    "source": "ESPNet, released training code",
    "spec": SPEC,
    "data": {"input_size": [360, 480]},
    "training": recipe,
    "threads": 2,
}

forms = {name: rate(name) for name in ("eager b16", "eager b16 bf16", "compile b16", "compile b16 bf16")}
best = "eager b16"
for name, value in forms.items():
    if value > 1.25 * forms[best]:
        best = name
precision = "bfloat16" if "bf16" in best else "float32"
compiled = "compile" in best
start = speed[best]["first_three_s"] if compiled else 0.0
steps = max(200.0, (seconds_b - 2 * start) * forms[best] / 1.2)
epochs_b = max(4, int(steps / 23))
first = epochs_b // 4
b = {
    "name": "camvid-long",
    "about": "ESPNet-C, then ESPNet, on CamVid at 360 x 480, batches of 16, zoom 0.75 to 2",
    "spec": SPEC,
    "data": {"input_size": [360, 480]},
    "threads": 2,
    "training": {
        "optimizer": "adam",
        "lr": 1.0e-3,
        "weight_decay": 2.0e-4,
        "schedule": "poly",
        "warmup": 0.02,
        "batch": 16,
        "zoom": [0.75, 2.0],
        "flip": True,
        "class_weights": True,
        "weight_constant": 1.10,
        "precision": precision,
        "compile": compiled,
        "evaluate_every": max(1, epochs_b // 10),
        "stages": [
            {"epochs": first, "encoder_only": True, "coarse_labels": True},
            {"epochs": epochs_b - first},
        ],
    },
}
for run in (a, b):
    (out / f"{run['name']}.yaml").write_text(yaml.safe_dump(run, sort_keys=False, default_flow_style=None))
print("A", epochs, "epochs a stage;", "B", epochs_b, "epochs by", best, forms, flush=True)
