"""The network: a llama-architecture decoder small enough to read in one sitting."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the network, as llama.cpp's metadata names them."""

    vocabulary: int = 4096
    width: int = 128
    layers: int = 4
    heads: int = 4
    inner: int = 256
    context: int = 1024
    rope_base: float = 10000.0
    epsilon: float = 1e-5

    @property
    def head_width(self) -> int:
        """Width of one attention head."""
        return self.width // self.heads


def rotation(shape: Shape, length: int) -> tuple[Tensor, Tensor]:
    """Return cosine and sine of every position and pair of channels (adjacent pairs, llama.cpp's NORM order)."""
    frequency = shape.rope_base ** (-torch.arange(0, shape.head_width, 2).float() / shape.head_width)
    angle = torch.arange(length).float()[:, None] * frequency
    return angle.cos(), angle.sin()


def rotate(states: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn adjacent channel pairs of (batch, head, position, channel) by their position's angle."""
    even, odd = states[..., 0::2], states[..., 1::2]
    turned = torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), dim=-1)
    return turned.flatten(-2)


class Block(nn.Module):
    """Attention and a gated feed-forward part, each behind an RMS norm, each added to the stream."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.attn_norm = nn.RMSNorm(width, eps=shape.epsilon)
        self.attn_q = nn.Linear(width, width, bias=False)
        self.attn_k = nn.Linear(width, width, bias=False)
        self.attn_v = nn.Linear(width, width, bias=False)
        self.attn_output = nn.Linear(width, width, bias=False)
        self.ffn_norm = nn.RMSNorm(width, eps=shape.epsilon)
        self.ffn_gate = nn.Linear(width, shape.inner, bias=False)
        self.ffn_up = nn.Linear(width, shape.inner, bias=False)
        self.ffn_down = nn.Linear(shape.inner, width, bias=False)

    def forward(self, stream: Tensor, cosine: Tensor, sine: Tensor, positions: Tensor | None = None) -> Tensor:
        """Return the stream after this block, at flat `positions` only where they are given."""
        mixed = self._mixed(self.attn_norm(stream), cosine, sine)
        if positions is not None:
            stream, mixed = stream.flatten(0, 1)[positions], mixed.flatten(0, 1)[positions]
        stream = stream + self.attn_output(mixed)
        inner = self.ffn_norm(stream)
        return stream + self.ffn_down(functional.silu(self.ffn_gate(inner)) * self.ffn_up(inner))

    def _mixed(self, inner: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        batch, length, width = inner.shape
        split = (batch, length, self.shape.heads, self.shape.head_width)
        query = rotate(self.attn_q(inner).view(split).transpose(1, 2), cosine, sine)
        key = rotate(self.attn_k(inner).view(split).transpose(1, 2), cosine, sine)
        value = self.attn_v(inner).view(split).transpose(1, 2)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return mixed.transpose(1, 2).reshape(batch, length, width)


class Decoder(nn.Module):
    """The whole network; the embedding is also the output matrix."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocabulary, shape.width)
        self.blk = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.output_norm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        cosine, sine = rotation(shape, shape.context)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)
        self._start()

    def forward(self, tokens: Tensor, positions: Tensor | None = None) -> Tensor:
        """Return the normed last states of (batch, position) tokens; `logits` makes scores of them.

        With flat `positions` only those leave the last block: training weighs no others.
        """
        length = tokens.shape[1]
        cosine, sine = self.get_buffer("cosine")[:length], self.get_buffer("sine")[:length]
        stream: Tensor = self.token_embd(tokens)
        for block in self.blk[:-1]:
            stream = block(stream, cosine, sine)
        stream = self.blk[-1](stream, cosine, sine, positions)
        return torch.as_tensor(self.output_norm(stream))

    def logits(self, states: Tensor) -> Tensor:
        """Return the score of every token of the vocabulary."""
        return functional.linear(states, self.token_embd.weight)

    def _start(self) -> None:
        for name, weight in self.named_parameters():
            if weight.ndim < 2:
                continue
            scale = 0.1 if name.startswith("token_embd") else 1 / math.sqrt(weight.shape[1])
            if name.endswith(("attn_output.weight", "ffn_down.weight")):
                scale /= math.sqrt(2 * self.shape.layers)
            nn.init.normal_(weight, std=scale)
