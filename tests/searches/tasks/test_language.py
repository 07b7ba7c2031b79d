"""Language models: perplexity in closed form, every token once, killed runs, vocabularies, the commands."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archspace.build import build
from archspace.checkpoint import describe, load, save
from archspace.network import Network
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, InputError
from searches.config.recipe import Recipe, Stage
from searches.data.text import TextSplit, vocabulary_of
from searches.tasks.language import LEAST_STREAM, Language, streamed
from searches.training.callbacks import Callbacks
from searches.training.loop import fit
from searches.training.range_test import RangeQuestion
from searches.training.steps import Stepper
from searches.training.tensorboard_log import Board
from tests.commands import printed
from tests.searches.calls import evaluate, train
from tests.searches.training.small_runs import CPU, KillAt, Killed, events, weights

pytestmark = pytest.mark.slow

WORDS = ("a", "b", "c", "d", "e", "<eos>", "<unk>")
SPEC: dict[str, Any] = {
    "network": "eru", "width": 0.05, "channels": 32, "alphas": [2], "branches": 2, "classes": len(WORDS),
}  # fmt: skip


def text(length: int, seed: int = 0) -> TextSplit:
    tokens = np.random.default_rng(seed).integers(0, len(WORDS), length)
    return TextSplit(tokens=tokens, vocabulary=WORDS, name="here.txt")


def cycle(length: int) -> TextSplit:
    return replace(text(2), tokens=np.arange(length) % len(WORDS))


def fresh() -> Network:
    torch.manual_seed(7)
    return build(ArchSpec.from_dict(SPEC))


class Successor(nn.Module):
    """Says that every word is followed by the next one of the vocabulary; its state is nothing."""

    def forward(self, tokens: Tensor, state: object = None) -> tuple[Tensor, tuple[()]]:
        return 100.0 * F.one_hot((tokens + 1) % len(WORDS), len(WORDS)), ()


def perplexity(network: nn.Module, split: TextSplit) -> float:
    return Language(split, split).evaluate(network, split, CPU).value


# ------------------------------------------------------------------------------ perplexity


@pytest.mark.parametrize("length", [2, 61, 2 * LEAST_STREAM + 4])
def test_one_that_knows_nothing_and_one_that_knows_all(length: int) -> None:
    network = fresh()
    for parameter in network.head.parameters():
        nn.init.zeros_(parameter)
    nn.init.zeros_(network.encoder.embed.weight)  # type: ignore[arg-type, union-attr]
    assert perplexity(network, text(length)) == pytest.approx(len(WORDS))
    assert perplexity(Successor(), cycle(length)) == pytest.approx(1)
    backwards = replace(cycle(length), tokens=cycle(length).tokens[::-1].copy())
    assert perplexity(Successor(), backwards) == pytest.approx(math.exp(100), rel=1e-4)


def test_it_is_that_of_the_text_in_one_piece_and_of_streams_that_begin_afresh() -> None:
    network = fresh().eval()
    for streams, length in ((1, 1500), (3, 3 * LEAST_STREAM + 1)):
        split = text(length)
        tokens = torch.from_numpy(split.tokens)
        pieces = streams * [(length - 1) // streams]
        losses, at = [], 0
        for piece in pieces:
            with torch.inference_mode():
                scores, _ = network(tokens[None, at : at + piece])
            losses.append(F.cross_entropy(scores[0], tokens[at + 1 : at + piece + 1], reduction="none"))
            at += piece
        assert at == length - 1
        nats = torch.cat(losses).double().mean().item()
        evaluation = Language(split, split).evaluate(network, split, CPU)
        assert evaluation.value == pytest.approx(math.exp(nats), rel=1e-5)
        assert evaluation.values["cross_entropy_bits"] == pytest.approx(nats / math.log(2), rel=1e-5)
        assert evaluation.values["unknown_percent"] == pytest.approx(100 * np.mean(split.tokens == 6))


@pytest.mark.parametrize(("length", "streams"), [(2, 1), (13, 4), (14, 4), (100, 7)])
def test_streams_predict_every_token_but_the_first_once(length: int, streams: int) -> None:
    tokens = np.arange(length)
    inputs, targets = streamed(tokens, streams)
    assert targets[targets >= 0].tolist() == list(range(1, length))
    assert (inputs[targets >= 0] == targets[targets >= 0] - 1).all()


def test_progress_and_what_is_too_short() -> None:
    batches: list[int] = []
    split = text(150)
    Language(split, split).evaluate(fresh(), split, CPU, on_batch=batches.append)
    assert sum(batches) == 149 and len(batches) > 1
    with pytest.raises(InputError, match=r"here\.txt: has 1 tokens; perplexity needs two"):
        perplexity(fresh(), text(1))


# ------------------------------------------------------------------------------ training batches


@pytest.mark.parametrize(("length", "batch", "window"), [(200, 4, 7), (1000, 3, 70), (30, 4, 70), (9, 4, 1)])
def test_an_epoch_reads_each_stream_window_after_window(length: int, batch: int, window: int) -> None:
    task = Language(text(length), text(9))
    stage = Stage(batch=batch, window=window)
    epochs = [task.order(stage, np.random.default_rng(seed)) for seed in range(900)]
    reached: set[int] = set()
    for windows in epochs:
        assert len(windows) == len(epochs[0])
        assert all(w.shape == windows[0].shape and w.shape[1] <= window + 1 for w in windows)
        streams = np.concatenate([w[:, 1:] for w in windows], axis=1)
        joined = streams.ravel()
        assert (np.diff(joined) == 1).all(), "the next window goes on, the next stream begins where one ends"
        assert all((w[:, 0] == w[:, 1] - 1).all() for w in windows)
        reached |= set(joined.tolist())
        assert len(joined) >= length - 1 - (batch + 1) * window
    assert reached == set(range(1, length)), "what one epoch leaves over, another reads"
    raw = task.gather(epochs[0][0])
    assert (raw.inputs[:, 1:] == raw.targets[:, :-1]).all()
    assert raw.items == raw.inputs.size


def test_more_streams_than_the_text_has_and_what_images_have_is_refused() -> None:
    task = Language(text(9), text(9))
    with pytest.raises(FieldError, match=r"training\.batch: 5: here\.txt has 9 tokens.*nearest valid: 4"):
        task.order(Stage(batch=5), np.random.default_rng(0))
    with pytest.raises(InputError, match="has 2 tokens; too few to learn from"):
        Language(text(2), text(9)).check(Stage(batch=1))
    for fields in ({"sizes": [[32, 32]]}, {"input_size": [32, 32]}, {"teacher": "net.pth"}):
        with pytest.raises(FieldError, match=f"training.{next(iter(fields))}"):
            fit(fresh(), task, Recipe(batch=2, **fields), seed=0, device=CPU)


# ------------------------------------------------------------------------------ training

LEARNS = {"epochs": 3, "batch": 4, "window": 8, "lr": 1e-2, "clip": 0.25}


@pytest.mark.parametrize("more", [{}, {"ema": 0.9, "optimizer": "sgd", "stages": [{}, {"window": 5}]}])
@pytest.mark.parametrize("save_seconds", [0.0, 1e9])
def test_killed_at_any_step_it_ends_with_the_same_weights(
    more: dict[str, Any], save_seconds: float, tmp_path: Path
) -> None:
    task, recipe = Language(text(150), text(50)), Recipe(**LEARNS, **more)
    whole, broken = fresh(), fresh()
    history = fit(whole, task, recipe, seed=3, device=CPU)
    for steps in (2, 1, 4, 5):
        with pytest.raises(Killed):
            fit(
                fresh(), task, recipe, seed=3, device=CPU, folder=tmp_path, callback=KillAt(steps),
                save_seconds=save_seconds,
            )  # fmt: skip
    again = fit(broken, task, recipe, seed=3, device=CPU, folder=tmp_path)
    expected = weights(whole)
    assert all(torch.equal(value, expected[key]) for key, value in weights(broken).items())
    assert [(e.loss, e.images) for e in again] == [(e.loss, e.images) for e in history]
    assert history[0].images == 4 * 4 * 8
    with pytest.raises(FieldError, match=r"data: '150 tokens of 7 words, \w{8}': .* another value"):
        fit(fresh(), Language(text(150, 1), text(50)), recipe, seed=3, device=CPU, folder=tmp_path)


def test_the_state_is_carried_through_an_epoch_and_no_further() -> None:
    task = Language(text(150), text(50))
    stage = Stage(batch=4, window=8)
    stepper = Stepper(fresh(), task, stage, CPU, None)
    raw = task.gather(task.order(stage, np.random.default_rng(0))[0])
    stepper.step(raw, (8, 1), 1e-3, (0,), "here")
    first = stepper.carry
    assert type(first[0]) is tuple and not any(t.requires_grad for layer in first for t in layer)
    inputs = torch.from_numpy(raw.inputs)
    stepper.network.eval()
    afresh, goes_on = (task.forward(stepper.network, inputs, carry)[0] for carry in (None, first))
    assert not torch.equal(afresh, goes_on)


def test_it_learns_which_word_follows() -> None:
    task, network = Language(cycle(400), cycle(60)), fresh()
    history = fit(network, task, Recipe(**{**LEARNS, "epochs": 8}), seed=0, device=CPU)
    assert history[0].loss > 1.5 > 0.8 > history[-1].loss
    assert perplexity(network, task.val) < 2.5


def test_memory_that_runs_out_is_reported_at_the_first_window_too() -> None:
    class Hungry(Successor):
        def forward(self, tokens: Tensor, state: object = None) -> tuple[Tensor, tuple[()]]:
            raise MemoryError("no more")

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

    task = Language(text(300), text(50))
    stepper = Stepper(Hungry(), task, Stage(batch=20, window=5), CPU, None)
    raw = task.gather(task.order(stepper.stage, np.random.default_rng(0))[0])
    with pytest.raises(InputError, match=r"20 in 1 parts: out of memory.*smaller window or batch"):
        stepper.step(raw, (5, 1), 0.1, (0,), "here")


def test_a_step_in_bfloat16_is_nearly_that_in_float32() -> None:
    losses, gradients = {}, {}
    for precision in ("float32", "bfloat16"):
        task, network = Language(text(150), text(50)), fresh()
        stage = Stage(batch=4, window=8, precision=precision)
        stepper = Stepper(network, task, stage, CPU, None)
        losses[precision] = [
            stepper.step(task.gather(index), (8, 1), 1e-3, (0, i), "here")
            for i, index in enumerate(task.order(stage, np.random.default_rng(0)))
        ]
        gradients[precision] = [p.grad for p in network.parameters() if p.grad is not None]
        assert stepper.carry[0][0].dtype == torch.float32
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.02)
    assert losses["bfloat16"] != losses["float32"]
    for low, full in zip(gradients["bfloat16"], gradients["float32"], strict=True):
        assert low.dtype == torch.float32
        if full.norm() > 1e-3:
            assert F.cosine_similarity(low.flatten(), full.flatten(), dim=0) > 0.9


def test_tensorboard_counts_tokens_and_has_no_pictures(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    task = Language(text(150), text(50))
    with Callbacks(Board(tmp_path, task, CPU)) as callback:
        recipe = Recipe(**{**LEARNS, "epochs": 1}, evaluate_every=1)
        fit(fresh(), task, recipe, seed=0, device=CPU, callback=callback)
    written = events(tmp_path / "tensorboard")
    assert {"train/tokens_per_second", "val/perplexity", "val/cross_entropy_bits"} <= set(
        written.Tags()["scalars"]
    )
    assert [e.step for e in written.Scalars("train/loss")] == [32, 64, 96, 128]
    assert not written.Tags()["images"]


# ------------------------------------------------------------------------------ commands


def corpus(folder: Path, words: str, *splits: str) -> Path:
    folder.mkdir()
    for split in splits:
        choice = random.Random(split).choices
        lines = (" ".join(choice(words.split(), k=7)) for _ in range(40))
        (folder / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return folder


def spec_file(folder: Path) -> str:
    path = folder / "spec.json"
    path.write_text(json.dumps(SPEC))
    return str(path)


CHANGES: dict[str, Any] = {
    "training.epochs": 2, "training.batch": 4, "training.window": 10, "training.stages": [], "data.splits": {},
}  # fmt: skip


@pytest.mark.usefixtures("cache_folder")
def test_train_and_evaluate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = corpus(tmp_path / "data", "one two three four", "train", "valid", "test")
    run, changes = tmp_path / "run", {**CHANGES, "data.root": str(data)}
    train(spec_file(tmp_path), "wikitext2-small", changes, None, run, True)
    trained = printed(capsys.readouterr().out)
    assert trained["tokens"] == 40 * 8
    assert 3 < trained["perplexity"] < 12
    notes = describe(run).notes
    assert tuple(notes["classes"]) == vocabulary_of(
        (data / "train.txt").read_text().replace("\n", " <eos> ").split()
    )
    assert load(run).spec.classes == 6
    assert "tokens/s" in (run / "train.log").read_text()
    assert r"tokens\u002fs" in (run / "curves.html").read_text()

    evaluate(run, data, None, "val", "cpu", as_json=True)
    captured = capsys.readouterr()
    summary = json.loads(captured.out)
    assert summary["perplexity"] == trained["perplexity"]
    assert (summary["file"], summary["words"], summary["tokens"]) == ("valid.txt", 6, 320)
    assert "was trained on" not in captured.err
    evaluate(run, data, None, "train", "cpu", as_json=False)
    captured = capsys.readouterr()
    assert "was trained on" in captured.err and "Perplexity, every token but the first" in captured.out
    assert "%" not in captured.out.splitlines()[1]

    # Another folder has other words, and no train file: the network's vocabulary is what counts.
    other = corpus(tmp_path / "other", "four three five", "test")
    evaluate(run, other, None, "test", "cpu", as_json=True)
    assert 20 < printed(capsys.readouterr().out)["unknown_percent"] < 40
    foreign = corpus(tmp_path / "foreign", "eins zwei", "test")
    with pytest.raises(
        FieldError, match=r"88 % of its words are not among the 6 of .*do not belong together"
    ):
        evaluate(run, foreign, None, "test", "cpu", as_json=True)
    again = corpus(tmp_path / "again", "four three two one", "train", "valid")
    with pytest.raises(InputError, match=r"data: are not those that .* was made on: train: other labels"):
        train(str(run), None, {"data.root": str(again)}, None, run, True)
    bare = save(load(run), tmp_path / "bare.safetensors", notes={"classes": ["one"]})
    with pytest.raises(InputError, match="keeps 1 words, its network scores 6"):
        evaluate(bare, data, None, "test", "cpu", as_json=True)


@pytest.mark.usefixtures("cache_folder")
def test_splits_can_stand_in_for_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = corpus(tmp_path / "data", "one two three four", "valid", "test")
    changes = {**CHANGES, "data.root": str(data), "data.train": 200, "data.val": 100}
    with pytest.raises(InputError, match="no text file of split 'train'"):
        train(spec_file(tmp_path), "wikitext2-small", changes, None, tmp_path / "run", True)
    changes["data.splits"] = {"train": "valid", "val": "test"}
    train(spec_file(tmp_path), "wikitext2-small", changes, None, tmp_path / "run", True)
    assert printed(capsys.readouterr().out)["tokens"] == 100
    assert describe(tmp_path / "run").notes["trained_on"].startswith("200 tokens of 6 words")


@pytest.mark.slow
@pytest.mark.usefixtures("cache_folder")
def test_a_range_test_and_another_vocabulary_to_start_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = corpus(tmp_path / "data", "one two three four", "train", "valid")
    changes = {**CHANGES, "data.root": str(data)}
    question = RangeQuestion(1e-5, 0.1, 30)
    train(spec_file(tmp_path), "wikitext2-small", changes, None, tmp_path / "range", True, ranged=question)
    assert printed(capsys.readouterr().out)["steps"] == 30  # over four epochs, each with a state of its own
    train(spec_file(tmp_path), "wikitext2-small", changes, None, tmp_path / "run", True)
    changes["data.root"] = str(corpus(tmp_path / "other", "un deux trois quatre", "train", "valid"))
    changes["init"] = str(tmp_path / "run")
    with pytest.raises(InputError, match=r"--init: .*: knows other words"):
        train(spec_file(tmp_path), "wikitext2-small", changes, None, tmp_path / "more", True)


@pytest.mark.usefixtures("cache_folder")
def test_what_is_of_the_other_kind_is_refused(tmp_path: Path) -> None:
    data = {**CHANGES, "data.root": str(corpus(tmp_path / "data", "one two", "train", "valid"))}
    out = tmp_path / "run"
    with pytest.raises(FieldError, match="the data are text, the network's task is classification"):
        train("espnetv2-0.5", "wikitext2-small", data, None, out, True)
    with pytest.raises(FieldError, match="the data are pictures, the network's task is language"):
        train(spec_file(tmp_path), "scenes", {}, None, out, True)
    with pytest.raises(FieldError, match="--input"):
        train(spec_file(tmp_path), "wikitext2-small", data, (32, 32), out, True)
    with pytest.raises(FieldError, match=r"data\.splits"):
        train("espnetv2-seg-0.5", "scenes", {"data.splits": {"train": "val"}}, (32, 48), out, True)
    assert not out.exists()
