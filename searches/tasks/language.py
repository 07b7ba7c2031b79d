"""The next word of a text: cross-entropy a token, perplexity.

Shapes: L tokens of a text, N streams of it that are read side by side, T tokens of a window.
"""

from __future__ import annotations

import math
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from analysis.quantities import main_metric
from archspace.networks.eru import LayerState
from archspace.support.errors import FieldError, InputError
from searches.config.recipe import Stage
from searches.data.augment import Augmentation
from searches.data.text import UNKNOWN, TextSplit
from searches.tasks.base import WHOLE, Batch, Evaluation, OnBatch, Raw, Size, Task

EVALUATION_STREAMS = 10
"""Streams at most in which a split is evaluated."""
LEAST_STREAM = 1000
"""Tokens of such a stream at least: a shorter text is read in fewer, in the end in one."""
MOST_SCORES = 16 << 20
"""Scores at most that are held at once in evaluation (64 MiB of them)."""
EVALUATION_WINDOW = 70
LEAST_TOKENS = 2
"""Tokens a stream at least: batch norms need two values."""
HASH_BYTES = 4
_NOT_COUNTED = -100


class Language(Task):
    """Scores (N, T, words), targets (N, T).

    An epoch reads the training text in N = ``stage.batch`` streams, each a stretch of the text, T = ``stage.window``
    tokens a step. The state is carried from window to window without its gradient, and starts afresh with the epoch.
    Streams are whole windows long, and where the first begins is drawn anew every epoch, so that windows are cut
    elsewhere and other tokens are left over (fewer than N windows of them).
    """

    metric = main_metric("language").name
    distils = False
    counts = "tokens"
    carries = True
    train: TextSplit
    val: TextSplit

    def __init__(self, train: TextSplit, val: TextSplit, preprocessing: None = None) -> None:
        self.train, self.val, self.preprocessing = train, val, preprocessing

    @property
    def classes(self) -> tuple[str, ...]:
        """The vocabulary."""
        return self.train.vocabulary

    @staticmethod
    def outputs(classes: int) -> tuple[int, ...]:
        """Returns a network scores every word of the vocabulary, and nothing else."""
        return (classes,)

    def describe(self) -> str:
        """Returns numbers of tokens and words, and a hash of them."""
        return self._description

    @cached_property
    def _description(self) -> str:
        return described(self.train)

    def check(self, stage: Stage) -> None:
        """Refuses what only images have, and more streams than the text is long enough for.

        Raises:
            FieldError: it does.
        """
        super().check(stage)
        for name in ("input_size", "sizes", "area", "zoom", "colour", "shift"):
            if value := getattr(stage, name):
                rule = "is of images; a text is read in windows of training.window tokens"
                raise FieldError(f"training.{name}", value, rule, "leave it out")
        if (len(self.train) - 1) // stage.batch < LEAST_TOKENS:
            rule = f"{self.train.name} has {len(self.train)} tokens, and a stream needs {LEAST_TOKENS} to predict"
            most = (len(self.train) - 1) // LEAST_TOKENS
            if not most:
                raise InputError(f"{self.train.name}: has {len(self.train)} tokens; too few to learn from")
            raise FieldError("training.batch", stage.batch, rule, most)

    def order(self, stage: Stage, rng: np.random.Generator) -> list[NDArray[np.int64]]:
        """Returns the windows of an epoch as positions (N, T + 1).

        What is read, and one more that is only predicted.
        """
        self.check(stage)
        tokens, streams, window = len(self.train), stage.batch, stage.window
        # One window less than there could be, for room to begin elsewhere.
        length = max(0, tokens - window) // streams // window * window or min(window, (tokens - 1) // streams)
        window = min(window, length)
        first = int(rng.integers(tokens - streams * length))
        starts = first + length * np.arange(streams)[:, None]
        return [starts + np.arange(at, at + window + 1) for at in range(0, length, window)]

    def size(self, stage: Stage) -> Size:
        """(T, 1): a text stands along the height of a map."""
        return (stage.window, 1)

    def gather(self, index: NDArray[np.int64]) -> Raw:
        """Returns the window at positions (N, T + 1): what is read and what follows each token of it."""
        tokens = np.asarray(self.train.tokens[index])
        names = tuple(f"{self.train.name} from token {int(row[0])}" for row in index)
        return Raw(tokens[:, :-1], tokens[:, 1:], names)

    def prepare(
        self, raw: Raw, size: Size, augmentation: Augmentation, rng: np.random.Generator, device: torch.device,
        part: slice = WHOLE,
    ) -> Batch:  # fmt: skip
        """Tokens and targets (N, T) on the device; a text is not augmented."""
        assert isinstance(raw.targets, np.ndarray)
        tokens, targets = (torch.from_numpy(array[part]) for array in (raw.inputs, raw.targets))
        return Batch(tokens.to(device, non_blocking=True), targets.to(device, non_blocking=True))

    def forward(self, network: nn.Module, inputs: Tensor, carry: Any) -> tuple[Any, Any]:
        """Returns scores, and the state without its gradient.

        A tuple of tensors for each layer, as a file can hold them.
        """
        state = None
        if carry is not None:
            state = tuple(LayerState(*(t.to(inputs.device) for t in layer)) for layer in carry)
        scores, after = network(inputs, state)
        return scores, tuple(tuple(t.detach().clone() for t in layer) for layer in after)

    def total(self, outputs: Any, target: Any, stage: Stage) -> Tensor:
        """Returns cross-entropy in nats, with label smoothing, summed over the tokens."""
        return F.cross_entropy(
            outputs.flatten(0, 1), target.flatten(), reduction="sum", label_smoothing=stage.label_smoothing
        )

    def weight(self, outputs: Any, target: Any, stage: Stage) -> Tensor:
        """Returns the number of tokens."""
        return torch.tensor(target.numel(), device=target.device)

    def evaluate(
        self, network: nn.Module, split: TextSplit, device: torch.device, *,
        size: Size | None = None, on_batch: OnBatch = lambda tokens: None,
    ) -> Evaluation:  # fmt: skip
        """Perplexity: e to the mean negative log-likelihood of every token but the first, each counted once.

        The split is read in up to :data:`EVALUATION_STREAMS` contiguous streams side by side, with the state carried
        from window to window. A stream begins with the last token of the one before it, but with a fresh state: the
        first words of all streams but one are predicted with less context than the text has, a few dozen of at least
        :data:`LEAST_STREAM` a stream. A text of less than twice that is one stream, the definition to the letter.

        Values: ``perplexity``; ``cross_entropy_bits`` a token; ``unknown_percent``, the share of ``<unk>`` among the
        tokens, which a large vocabulary would have to tell apart.

        Raises:
            InputError: the split has less than two tokens.
        """
        predicted = len(split) - 1
        if predicted < 1:
            raise InputError(f"{split.name}: has {len(split)} tokens; perplexity needs two or more")
        network.eval()
        streams = max(1, min(EVALUATION_STREAMS, predicted // LEAST_STREAM))
        window = max(1, min(EVALUATION_WINDOW, MOST_SCORES // (streams * len(split.vocabulary))))
        inputs, targets = streamed(np.asarray(split.tokens), streams)
        total, carry = 0.0, None
        with torch.inference_mode():
            for at in range(0, inputs.shape[1], window):
                part = slice(at, at + window)
                tokens = torch.from_numpy(inputs[:, part]).to(device)
                target = torch.from_numpy(targets[:, part]).to(device).flatten()
                scores, carry = self.forward(network, tokens, carry)
                losses = F.cross_entropy(
                    scores.flatten(0, 1).float(), target, ignore_index=_NOT_COUNTED, reduction="none"
                )
                total += losses.double().sum().item()
                on_batch(tokens.numel())
        nats = total / predicted
        unknown = np.count_nonzero(split.tokens == split.vocabulary.index(UNKNOWN)) / len(split)
        return Evaluation(
            metric=self.metric,
            values={
                "perplexity": math.exp(nats) if nats < math.log(1e300) else math.inf,
                "cross_entropy_bits": nats / math.log(2),
                "unknown_percent": 100 * unknown,
            },
        )


def described(split: TextSplit) -> str:
    """Returns numbers of tokens and words of a text, and a short hash of all of them."""
    digest = blake2b(digest_size=HASH_BYTES)
    digest.update(np.ascontiguousarray(split.tokens).tobytes())
    digest.update("\n".join(split.vocabulary).encode())
    return f"{len(split)} tokens of {len(split.vocabulary)} words, {digest.hexdigest()}"


def streamed(tokens: NDArray[np.int64], streams: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns a text (L,) as what is read and what is to be predicted, as rows of streams.

    Both are (streams, T) with T = ceil((L - 1) / streams).

    Every token but the first is a target once; where a stream is shorter its last targets are not counted.
    """
    predicted = len(tokens) - 1
    length = -(-predicted // streams)
    missing = streams * length - predicted
    inputs = np.concatenate((tokens[:-1], np.repeat(tokens[-1:], missing)))
    targets = np.concatenate((tokens[1:], np.full(missing, _NOT_COUNTED, np.int64)))
    return inputs.reshape(streams, length), targets.reshape(streams, length)
