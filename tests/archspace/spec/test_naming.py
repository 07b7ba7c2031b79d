"""Every form in which a network may be named: what is read, what is loaded, and what is said of a wrong name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
import torch

from archspace.build import build
from archspace.checkpoint import load, save
from archspace.export.export import export
from archspace.presets import PRESETS, preset
from archspace.published import load_published
from archspace.spec.archspec import ArchSpec
from archspace.spec.named import FORMS, NamedNetwork, enter_form
from archspace.spec.naming import find_network, read_spec
from archspace.support.errors import FieldError, InputError

ROOT = Path(__file__).parents[3]
SPEC = ArchSpec("espnetv2", width=0.5, alphas=(0, 1, 0, 0), classes=3, input_size=(32, 32))
PUBLISHED = "weights/espnet/espnet_p2_q8_camvid.pth"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("naming") / "out"
    torch.manual_seed(0)
    export(build(SPEC).eval(), folder)
    return folder


def trial(run: Path, label: str, **fields: object) -> Path:
    folder = run / "trials" / label
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(json.dumps({"spec": SPEC.to_dict(), "state": "complete", **fields}))
    return folder


@pytest.mark.slow
def test_a_preset_a_file_and_a_folder_give_the_spec(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(SPEC.to_yaml())
    (tmp_path / "net.json").write_text(SPEC.to_json())
    (tmp_path / "net").write_text(SPEC.to_yaml())
    for name in ("net.yaml", "net.json", "net"):
        named = find_network(str(tmp_path / name))
        assert (named.form, named.spec, named.weights) == ("spec file", SPEC, None)
    named = find_network("espnet-camvid")
    assert (named.form, named.name) == ("preset", "espnet-camvid")
    assert named.spec == PRESETS["espnet-camvid"].spec
    named = find_network(str(exported))
    assert named.form == "export folder" and named.spec == SPEC
    assert (named.weights, named.onnx) == (exported / "weights.safetensors", exported / "model.onnx")


def test_weights_are_loaded_when_asked_for(exported: Path) -> None:
    wanted = load(exported).state_dict()
    for text in (exported, exported / "weights.safetensors"):
        network = find_network(str(text), accept="weights").load()
        assert not network.training
        assert all(torch.equal(value, wanted[key]) for key, value in network.state_dict().items())
    assert find_network(str(exported / "weights.safetensors")).name == "out"


def test_another_input_size_keeps_the_weights_and_another_field_refuses_them(exported: Path) -> None:
    wanted = load(exported)
    network = find_network(str(exported), input_size=(48, 64)).load()
    assert network.spec.input_size == (48, 64)
    images = torch.randn(1, 3, 48, 64)
    assert torch.equal(network(images), wanted(images))
    changed = find_network(str(exported), classes=5)
    assert changed.spec is not None and changed.spec.classes == 5
    with pytest.raises(FieldError, match=r"classes: 5: a network with weights has its own.*nearest valid: 3"):
        changed.load()


def test_an_onnx_file_of_ours_says_its_spec_and_answers(exported: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.onnx"
    moved.write_bytes((exported / "model.onnx").read_bytes())
    named = find_network(str(moved), accept="answers")
    assert (named.form, named.spec, named.weights) == ("onnx", SPEC, None)
    images = torch.randn(2, 3, 32, 32)
    assert torch.allclose(named.load()(images), load(exported)(images), atol=1e-4)
    with pytest.raises(InputError, match=r"has no weights; takes a checkpoint .* export folder"):
        find_network(str(moved), accept="weights")
    with pytest.raises(FieldError, match="fixed input size"):
        named.load()(torch.zeros(1, 3, 64, 64))
    moved.write_bytes(b"no model")
    with pytest.raises(InputError, match=r"moved.onnx: cannot be opened as ONNX"):
        find_network(str(moved))


def test_a_damaged_onnx_file_is_one_line_with_its_name(exported: Path, tmp_path: Path) -> None:
    def changed(name: str, **metadata: str) -> str:
        model = onnx.load(str(exported / "model.onnx"))
        held = {entry.key: entry.value for entry in model.metadata_props}
        onnx.helper.set_model_props(
            model, held | {f"archspace.{key}": value for key, value in metadata.items()}
        )
        if name == "new.onnx":
            model.opset_import[0].version = 99
        onnx.save(model, str(tmp_path / name))
        return str(tmp_path / name)

    with pytest.raises(InputError, match=r"a.onnx: archspace.spec: is not JSON"):
        find_network(changed("a.onnx", spec="{x"), accept="answers")
    with pytest.raises(InputError, match=r"b.onnx: archspace.spec: width: -1"):
        find_network(changed("b.onnx", spec=json.dumps({**SPEC.to_dict(), "width": -1})), accept="answers")
    with pytest.raises(InputError, match=r"c.onnx: archspace.classes: is not JSON"):
        find_network(changed("c.onnx", classes="[x"), accept="answers").load()
    with pytest.raises(InputError, match=r"new.onnx: ONNX Runtime cannot open it: "):
        find_network(changed("new.onnx"), accept="answers").load()


@pytest.mark.slow
def test_a_foreign_onnx_file_can_only_be_run(tmp_path: Path) -> None:
    file = tmp_path / "foreign.onnx"
    torch.onnx.export(
        torch.nn.Flatten().eval(), (torch.zeros(1, 3, 8, 8),), str(file), dynamo=True, verbose=False
    )
    assert find_network(str(file), accept="any").spec is None
    with pytest.raises(InputError, match=r"foreign.onnx.*does not say its architecture; takes a preset"):
        read_spec(str(file))


def test_a_published_file_is_read_as_its_network(shared: Path) -> None:
    path = shared / PUBLISHED
    state = torch.random.get_rng_state()
    named = find_network(str(path), accept="weights")
    assert named.form == "published weights" and named.published and named.notes() == {}
    assert named.spec is not None and named.spec.arch_id == preset("espnet-camvid").spec.replace(
        decoder=named.spec.decoder, input_size=named.spec.input_size
    ).arch_id  # fmt: skip
    wanted = load_published(path).state_dict()
    assert all(torch.equal(value, wanted[key]) for key, value in named.load().state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state), "reading a name draws no random numbers"


def test_a_trial_has_the_weights_that_it_left_or_that_answered_for_it(tmp_path: Path) -> None:
    run = tmp_path / "run"
    save(build(SPEC), trial(run, "7") / "weights.safetensors")
    trial(run, "8", duplicate_of="7")
    trial(run, "9", state="infeasible", reason="constraint macs <= 10 but is 20")
    named = find_network(f"{run}:7", accept="weights")
    assert (named.form, named.spec, named.run, named.trial) == ("trial", SPEC, run, "7")
    assert named.name == "run-7"
    twin = find_network(f"{run}:8", accept="weights")
    assert (twin.weights, twin.trial) == (named.weights, "7")
    assert find_network(f"{run}:9").spec == SPEC
    with pytest.raises(InputError, match=r"has no weights \(trial 9 is infeasible: constraint macs <= 10"):
        find_network(f"{run}:9", accept="weights")
    assert find_network(f"{run}:7", input_size=(64, 64)).weights is not None
    assert find_network(f"{run}:7", classes=9).build().spec.classes == 9, "another network, without weights"


def test_a_trial_that_was_evaluated_has_the_weights_it_was_given(tmp_path: Path) -> None:
    given = save(build(SPEC), tmp_path / "given.safetensors")
    how = {"accuracy": {"name": "accuracy", "how": {"weights": str(given)}}}
    trial(tmp_path / "run", "given-0", measurements=how)
    assert find_network(f"{tmp_path / 'run'}:given-0", accept="weights").weights == given


def test_a_wrong_label_names_near_ones_and_a_run_alone_says_how_to_go_on(tmp_path: Path) -> None:
    run = tmp_path / "run"
    for number in range(40):
        trial(run, str(number))
    with pytest.raises(FieldError, match=r"SPEC trial: '399'.*no such trial; nearest valid: 39,") as error:
        find_network(f"{run}:399")
    assert len(str(error.value)) < 200 + len(str(run))
    with pytest.raises(FieldError, match="nearest valid: knee"):
        find_network(f"{run}:kne")
    with pytest.raises(InputError, match=r"a trial of a run is named .*run:N, .*run:knee or .*run:best"):
        find_network(str(run))
    (tmp_path / "empty").mkdir()
    with pytest.raises(FieldError, match="the run has no trial yet"):
        find_network(f"{tmp_path / 'empty'}:7")
    (run / "trials" / "7" / "record.json").write_text("{")
    with pytest.raises(InputError, match="broken trial record"):
        find_network(f"{run}:7")
    (run / "trials" / "7" / "record.json").write_text('{"spec": null}')
    with pytest.raises(InputError, match="has no network"):
        find_network(f"{run}:7")


def test_a_training_folder_has_a_spec_before_it_has_weights(tmp_path: Path) -> None:
    (tmp_path / "train.yaml").write_text(json.dumps({"name": "x", "spec": SPEC.to_dict()}))
    named = find_network(str(tmp_path))
    assert (named.form, named.spec) == ("training folder", SPEC)
    with pytest.raises(InputError, match=r"has no weights \(the training is not over\)"):
        find_network(str(tmp_path), accept="weights")
    save(build(SPEC), tmp_path)
    assert find_network(str(tmp_path), accept="weights").load().spec == SPEC
    (tmp_path / "train.yaml").write_text(json.dumps({"spec": "espnet-camvid"}))
    assert read_spec(str(tmp_path)) == preset("espnet-camvid").spec
    (tmp_path / "train.yaml").write_text("name: x")
    with pytest.raises(InputError, match="names no network"):
        find_network(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("espnetv2-0.6", r"'espnetv2-0.6': is no preset, file or RUN:N; nearest valid: espnetv2-0.5, "),
        ("net.safetensors", "net.safetensors: no such file or folder"),
        ("net.pth", "net.pth: no such file or folder"),
        ("runs/none:7", "runs/none:7: no such file or folder"),
        ("{folder}", r"is no network; takes a preset, a spec file .*, a training folder or a run's trial"),
        ("{folder}/picture.png", "is no network; takes a preset"),
        ("{folder}/cut.pth", "is cut off: a zip archive without its end"),
        ("{folder}/cut.safetensors", "not a safetensors file, or cut off"),
        ("{folder}/list.yaml", "spec: .*must be a mapping"),
    ],
)
def test_what_is_no_network_is_one_line(text: str, message: str, tmp_path: Path) -> None:
    for name in ("picture.png", "cut.pth", "cut.safetensors"):
        (tmp_path / name).write_bytes(b"PK\x03\x04\xff")
    (tmp_path / "list.yaml").write_text("[1, 2]")
    with pytest.raises(InputError, match=message) as error:
        find_network(text.format(folder=tmp_path))
    assert "\n" not in str(error.value)
    assert sum(name in str(error.value) for name in PRESETS) < 10, "a few near ones, not all"


def test_an_unknown_preset_in_python_names_a_few_near_ones() -> None:
    with pytest.raises(FieldError, match=r"unknown preset; nearest valid: espnetv2-0.5") as error:
        preset("espnetv2-0.6")
    assert str(error.value).count(",") <= 4
    assert PRESETS.get("espnetv2-0.6") is None and "espnetv2-0.6" not in PRESETS


def test_the_order_in_which_modules_are_imported_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "train.yaml").write_text(json.dumps({"spec": SPEC.to_dict()}))
    save(build(SPEC), tmp_path)
    code = f"""
import analysis.store.picks
from archspace.spec.naming import find_network
assert find_network({str(tmp_path)!r}).form == "training folder"
"""
    _run(code)


def test_a_form_of_somebody_else_is_asked_before_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FORMS, "_entries", dict(FORMS._entries))

    @enter_form("catalogue", "a catalogue's entry (cat://NAME)", "spec")
    def _read(text: str) -> NamedNetwork | None:
        return NamedNetwork(text=text, form="catalogue", spec=SPEC) if text.startswith("cat://") else None

    assert find_network("cat://small").spec == SPEC
    with pytest.raises(InputError, match=r"or a catalogue's entry \(cat://NAME\)"):
        find_network(str(ROOT))


def _run(code: str) -> str:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_costing_one_preset_resolves_one_network() -> None:
    code = """
import sys
from archspace.spec import archspec
resolve, asked = archspec.resolve, []
archspec.resolve = lambda given, lenient=(): (asked.append(given), resolve(given, lenient))[1]
sys.argv = ["archspace", "cost", "espnetv2-1.0", "--no-counters", "--json"]
from archspace.__main__ import main
try:
    main()
except SystemExit:
    print([(one["network"], one["width"]) for one in asked], file=sys.stderr)
    from archspace.presets import PRESETS
    assert len(PRESETS) > 70 and "espnet" in PRESETS and list(PRESETS)
    assert len(asked) == 1, asked
"""
    assert json.loads(_run(code))["arch_id"] == preset("espnetv2-1.0").spec.arch_id


def test_specs_are_read_without_torch(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(SPEC.to_yaml())
    trial(tmp_path / "run", "7")
    save(build(SPEC), tmp_path / "net.safetensors")
    texts = ["espnet", *(str(tmp_path / name) for name in ("net.yaml", "run:7", "net.safetensors"))]
    code = f"""
import sys
from archspace.spec.naming import find_network
assert all(find_network(text).spec is not None for text in {texts!r})
assert "torch" not in sys.modules and "optuna" not in sys.modules
"""
    _run(code)
