"""A language model built from a spec: scores of the next word after every token, and a state to go on from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from archspace.network import Network
from archspace.support.errors import SpecError

if TYPE_CHECKING:
    from archspace.networks.eru import EruEncoder, State


class LanguageModel(Network):
    """An embedding, recurrent layers and a decoder tied to the embedding, built from a spec.

    Shapes: tokens (N, T), whole numbers below ``spec.classes``, any T of at least 1 -> scores (N, T, classes), and
    the state after the last token. The scores at position t see tokens 0 to t and what the given state has seen.
    Windows of one text that hand on the state give what the whole text gives (in eval mode).
    """

    encoder: EruEncoder

    def forward(  # type: ignore[override]
        self, tokens: Tensor, state: State | None = None
    ) -> tuple[Tensor, State]:
        """Returns scores of the words that may follow each token, and the state after the last.

        ``None``: a text begins.

        Raises:
            SpecError: the tokens' shape, type or numbers do not fit, or the state is of another number of texts.
        """
        self._check(tokens)
        if state is not None and state[0].hidden.shape[0] != tokens.shape[0]:
            rule = f"the state is of {state[0].hidden.shape[0]} texts"
            raise SpecError(
                "tokens.shape", tuple(tokens.shape), rule, (state[0].hidden.shape[0], tokens.shape[1])
            )
        try:
            x, after = self.encoder(tokens, state)
        except IndexError:
            low, high = int(tokens.min()), int(tokens.max())
            last = self.spec.classes - 1
            rule = f"must be 0 to {last}, the words that this network knows"
            raise SpecError("tokens", low if low < 0 else high, rule, 0 if low < 0 else last) from None
        return self.head(x, self.encoder.embed.weight), after

    def example(self, n: int = 1) -> Tensor:
        """``n`` texts of ``spec.input_size[0]`` tokens, all of them word 0."""
        return torch.zeros(n, self.spec.input_size[0], dtype=torch.int64)

    def _check(self, x: Tensor) -> None:
        fits = (1, self.spec.input_size[0])
        if x.dim() != 2 or not x.shape[1]:
            raise SpecError(
                "tokens.shape", tuple(x.shape), "must be (texts, tokens), one token or more", fits
            )
        if x.dtype not in (torch.int64, torch.int32):
            raise SpecError("tokens.dtype", str(x.dtype), "must be whole numbers", "torch.int64")
