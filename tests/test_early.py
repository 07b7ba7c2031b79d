"""A wrong name, path or file is answered before anything heavy is imported, by every command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands import python
from tests.searches.studies import tiny, write_study

HEAVY = ("torch", "optuna", "pandas", "plotly", "scipy", "sklearn", "onnx", "onnxruntime", "torchmetrics")

EACH = """
import contextlib, io, json, os, sys
from archspace.__main__ import main
cases, heavy = json.loads(sys.argv[1]), json.loads(sys.argv[2])
for words in json.loads(sys.argv[3]):  # what is light is imported once; were it not, all would have something heavy
    sys.argv = ["archspace", *words]
    with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(SystemExit):
        main()
for words in cases:  # each in a process of its own, which has imported nothing else
    read, write = os.pipe()
    if os.fork() == 0:
        said, code = io.StringIO(), 0
        sys.argv = ["archspace", *words]
        with contextlib.redirect_stderr(said):
            try:
                main()
            except SystemExit as end:
                code = end.code
        answer = [words, code, said.getvalue(), [name for name in heavy if name in sys.modules]]
        os.write(write, json.dumps(answer).encode())
        os._exit(0)
    os.close(write)
    print(os.read(read, 65536).decode(), flush=True)
    os.close(read)
    os.wait()
"""

WRONG = """
cost nosuch|no preset
cost bad.yaml|not YAML
cost espnet --set wdth=3|unknown field
show nosuch|no preset
layers nosuch|no preset
layers espnet --by x|must be unit or layer
measure nosuch|no preset
measure espnet --device x|must be cpu
measure espnet --runtime x|unknown runtime
receptive-field nosuch|no preset
receptive-field espnet --level x|no such level
receptive-field espnet --image nosuch.png|no such file
calibrate --space nosuch.yaml|No such file
predict espnet --by nosuch.json|make one
predict-tx2 espnet --precision x|precision
doctor x|must be cpu
runs nosuch|no such folder
search nosuch|no such file or built-in study
search from.yaml|no such run folder
search latency.yaml|make one with
screen nosuch|no such file or built-in study
screen scenes --out front.txt|is written as CSV
search bad.yaml|not YAML
search empty|not a run folder
search field.yaml|unknown field
search layout.yaml|unknown data.layout
search root.yaml|no such folder
search goal.yaml|unknown objective
search network.yaml|unknown network
search given.yaml|no preset
search sampler.yaml|unknown sampler
search scenes --device x|unknown device
search scenes --workers x|--workers
search scenes --storage nosuch://x|cannot be opened
search camvid-small --data nosuch|no such folder
search wikitext2-small|needs the folder of the text
search camvid-small|--data: is needed
train fpenet --recipe dabnet-camvid|--data: is needed
search wikitext2-small --data nosuch|no such file or folder
search scenes --out bad.yaml|is a file
search scenes --engine x|there is no such engine
search scenes --address auto|only a Ray cluster has one
status nosuch|no such run folder
status empty|not a run folder
drain nosuch|no such run folder
drain nosuch --stop x|trials have numbers
drain nosuch --stop 1 --worker a|whoever has it
drain nosuch --worker :1|is a machine, or one process
submit slurm nosuch --out runs/x --head ray|no such file or built-in study
submit slurm scenes --out runs/x|a storage that all reach
submit slurm scenes --out runs/x --head x|no such head
submit slurm scenes --out runs/x --head ray --memory x|must be a number of
submit slurm scenes --out runs/x --head ray --hours inf|--hours
submit slurm scenes --out runs/x --head ray --partition a/b|is no name that Slurm
submit slurm scenes --out runs/x --head ray --account a;b|is no name that Slurm
submit slurm scenes --out bad.yaml/x --head ray|is a file
submit slurm scenes --out runs/x --head ray --file .|is a folder
submit slurm scenes --out runs/x --storage nosuch|cannot be opened
submit slurm scenes --out runs/x --storage sqlite:///a.db|of one machine
submit kubernetes scenes --image a"b --volume runs --head ray|is no name of an image
submit kubernetes scenes --image a --volume Runs --head ray|lower-case letters
submit kubernetes scenes --image x --volume runs --head x|no such head
worker nosuch://x tiny|cannot be opened
worker journal:///nosuch tiny|no such storage
worker sqlite:////nosuch.db tiny|no such storage
worker sqlite:////nosuch.db tiny --device x|unknown device
init --recipe x|unknown recipe
train nosuch|no preset
train espnetv2-0.5|says how the network is trained
train espnetv2-0.5 --recipe nosuch|no such file or recipe
train espnetv2-0.5 --recipe bad.yaml|not YAML
train espnetv2-0.5 --recipe cifar10 --data nosuch|no such folder
train espnetv2-seg-0.5 --recipe scenes --layout x|unknown data.layout
train espnetv2-seg-0.5 --recipe scenes --layout scenes --init nosuch|no preset
evaluate nosuch|no preset
evaluate espnet|has no weights
demo nosuch|NET: 'nosuch'
demo nosuch nosuch.png|NET: 'nosuch'
export nosuch|no preset
export nosuch --format x|unknown format
export nosuch --precision int3|must be float32, float16 or int8
export nosuch --split val|is for INT8
export espnet --precision int8|has no weights
sensitivity nosuch|no preset
export nosuch --for tpu|must be cpu
pareto nosuch|no such run folder
report nosuch|no such run folder
narrow nosuch|no such run folder
replay nosuch:0|no such run folder
replay 0|names a run and one of its trials
retrain nosuch|no such run folder
retrain nosuch --device x|unknown device
dashboard nosuch|not a run folder
supernet train nosuch|no such file or built-in study
supernet train field.yaml|unknown field
supernet train shared.yaml|cannot share weights over activation
supernet train root.yaml|no such folder
supernet train cifar10-table --device x|unknown device
supernet search nosuch|no such folder
supernet search empty|no supernet
supernet extract nosuch espnet --out x|no such folder
supernet agree nosuch nosuch.json|no such folder
search judged.yaml|no such folder
report empty|not a run folder
compared nosuch|no such run folder
tables nosuch|no such tables
tables segmentation --with nosuch|no such file
tables segmentation --format x|unknown format
plot-device nosuch.json|no such file
data check nosuch|no such folder
data check empty --layout x|unknown data.layout
data fetch nosuch|no such data set
compare modules --only x|unknown part
compare modules --data nosuch|no such folder
compare ablation espnet --parts z|unknown part
compare networks espnet espnetv2-seg-0.5 --recipe nosuch|no such file or recipe
"""


@pytest.mark.slow
def test_every_command_answers_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("a: [1")
    (tmp_path / "empty").mkdir()
    for name, change in {
        "field": {"space": {"network": "espnetv2", "wdth": 3}},
        "layout": {"data": {"layout": "nosuch", "input_size": [8, 8]}},
        "root": {"data": {"layout": "imagefolder", "root": "nosuch", "input_size": [8, 8]}},
        "goal": {"objectives": ["accuracy", "mac"]},
        "network": {"space": {"network": {"choices": ["espnetv2", "nosuch"]}}},
        "given": {"given": ["nosuch"]},
        "sampler": {"sampler": {"name": "tpee"}},
        "from": {"from": "nosuch"},
        "latency": {"judging": {"latency": "nosuch.json"}, "constraints": {"latency_ms": {"max": 1}}},
        "shared": {"space": {"network": "espnetv2", "activation": {"choices": ["prelu", "relu"]}}},
        "judged": {"judging": {"supernet": "nosuch"}},
    }.items():
        write_study(tmp_path, **{**tiny(), **change}).rename(tmp_path / f"{name}.yaml")
    cases = dict(line.split("|") for line in WRONG.strip().splitlines())
    light = [
        "search field.yaml",
        "train espnetv2-0.5 --recipe nosuch",
        "measure espnet --device x",
        "tables nosuch",
    ]
    split = lambda lines: json.dumps([line.split() for line in lines])  # noqa: E731
    ran = python(EACH, split(cases), json.dumps(HEAVY), split(light), cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(answers) == len(cases)
    for words, code, said, heavy in answers:
        case = " ".join(words)
        assert code == 2 and len(said.splitlines()) == 1, (case, code, said)
        assert cases[case] in said, (case, said)
        assert heavy == [], case
