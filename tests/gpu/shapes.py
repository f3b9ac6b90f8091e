"""Model shapes that both sides measure, and what a token costs; the names are those of `smolc gpu-bench`."""

from typing import NamedTuple


class Shape(NamedTuple):
    hidden: int
    ffn: int
    heads: int
    kv_heads: int
    layers: int
    vocab: int = 49152

    @property
    def head(self):
        return self.hidden // self.heads

    def flops_per_token(self, window):
        """Forward and backward: six a weight of a product, and causal attention (half the square)."""
        layer = self.hidden * (self.heads + 2 * self.kv_heads) * self.head + self.heads * self.head * self.hidden
        weights = self.layers * (layer + 3 * self.hidden * self.ffn) + self.vocab * self.hidden
        return 6 * weights + 6 * self.layers * window * self.heads * self.head


SHAPES = {
    "135m": Shape(576, 1536, 9, 3, 30),
    "360m": Shape(960, 2560, 15, 5, 32),
    "1.7b": Shape(2048, 8192, 32, 32, 24),
    "tiny-gqa3": Shape(192, 256, 3, 1, 2, 320),
}
# Dense bf16 peak of H100 and H200, FLOP/s.
PEAK = 989.4e12
