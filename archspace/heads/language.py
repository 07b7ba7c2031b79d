"""The decoder of a language model, which scores every word at every position."""

from __future__ import annotations

from torch import Tensor

from archspace.units.base import MODULES, BlockModule, TiedLinear


@MODULES.register("language-head")
class LanguageHead(BlockModule):
    """A linear layer whose weights are the embedding's."""

    decoder: TiedLinear

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(1, C, T, N) and the embedding (words, C) -> (N, T, words)."""
        return self.decoder(x.squeeze(0).permute(2, 1, 0), embedding)  # type: ignore[no-any-return]
