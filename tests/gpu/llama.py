"""A Llama written for speed in PyTorch: the strongest baseline that we know how to write without kernels of our own.

Merged QKV and gate|up products, fused norms through the compiler, cuDNN attention on grouped heads, and a head whose
gradients are made chunk by chunk in the forward pass, so that the logits never exist whole. Weights are bf16 with f32 masters
in the optimizer; gradients add up in bf16, which is less than smolc does (f32) and in the baseline's favor.
"""

import torch
import torch.nn.functional as F
from torch import nn

from shapes import Shape


class Layer(nn.Module):
    def __init__(self, s: Shape):
        super().__init__()
        self.s = s
        self.norm1, self.norm2 = (nn.Parameter(torch.ones(s.hidden)) for _ in range(2))
        self.qkv = nn.Linear(s.hidden, (s.heads + 2 * s.kv_heads) * s.head, bias=False)
        self.out = nn.Linear(s.heads * s.head, s.hidden, bias=False)
        self.gate_up = nn.Linear(s.hidden, 2 * s.ffn, bias=False)
        self.down = nn.Linear(s.ffn, s.hidden, bias=False)

    def forward(self, x, cos, sin, grouped: bool):
        s, (batch, window, _) = self.s, x.shape
        h = F.rms_norm(x, (s.hidden,), self.norm1, 1e-5)
        q, k, v = self.qkv(h).view(batch, window, -1, s.head).transpose(1, 2).split([s.heads, s.kv_heads, s.kv_heads], 1)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        if not grouped:
            k, v = (t.repeat_interleave(s.heads // s.kv_heads, 1) for t in (k, v))
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=grouped and s.heads != s.kv_heads)
        x = x + self.out(a.transpose(1, 2).reshape(batch, window, -1))
        gate, up = self.gate_up(F.rms_norm(x, (s.hidden,), self.norm2, 1e-5)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1).to(x.dtype)


def chunk_loss(h, weight, targets, scale):
    """Sum of the losses times `scale`, and their gradients by the logits."""
    logits = (h @ weight.t()).float()
    normal = torch.logsumexp(logits, -1, keepdim=True)
    loss = (normal.squeeze(-1) - logits.gather(-1, targets[:, None]).squeeze(-1)).sum() * scale
    by_logits = torch.exp(logits - normal)
    by_logits = by_logits - F.one_hot(targets, logits.shape[-1])
    return loss, (by_logits * scale).to(h.dtype)


class HeadLoss(torch.autograd.Function):
    """Mean cross-entropy of tied logits; both gradients are made in the forward pass (as Liger's fused loss does)."""

    CHUNK = 8192
    compute = staticmethod(chunk_loss)

    @staticmethod
    def forward(context, h, weight, targets):
        by_h, by_weight = torch.empty_like(h), torch.zeros_like(weight)
        total = torch.zeros((), device=h.device)
        for at in range(0, h.shape[0], HeadLoss.CHUNK):
            rows = slice(at, at + HeadLoss.CHUNK)
            loss, by_logits = HeadLoss.compute(h[rows], weight, targets[rows], 1.0 / h.shape[0])
            total += loss
            torch.mm(by_logits, weight, out=by_h[rows])
            by_weight.addmm_(by_logits.t(), h[rows])
        context.save_for_backward(by_h, by_weight)
        return total

    @staticmethod
    def backward(context, by_loss):
        by_h, by_weight = context.saved_tensors
        return by_h * by_loss.to(by_h.dtype), by_weight * by_loss.to(by_weight.dtype), None


class Llama(nn.Module):
    def __init__(self, s: Shape, window: int, grouped: bool = True):
        super().__init__()
        self.s, self.grouped = s, grouped
        self.embed = nn.Embedding(s.vocab, s.hidden)
        self.layers = nn.ModuleList(Layer(s) for _ in range(s.layers))
        self.norm = nn.Parameter(torch.ones(s.hidden))
        angles = torch.outer(torch.arange(window).double(), 10000.0 ** -(torch.arange(0, s.head, 2).double() / s.head))
        self.register_buffer("cos", angles.cos().float(), persistent=False)
        self.register_buffer("sin", angles.sin().float(), persistent=False)

    def forward(self, tokens, targets):
        x = self.embed(tokens)
        cos, sin = self.cos.to(x.dtype), self.sin.to(x.dtype)
        for layer in self.layers:
            x = layer(x, cos, sin, self.grouped)
        h = F.rms_norm(x, (self.s.hidden,), self.norm, 1e-5)
        return HeadLoss.apply(h.flatten(0, 1), self.embed.weight, targets.flatten())

    def compile(self, mode):
        for layer in self.layers:
            layer.compile(mode=mode)
        HeadLoss.compute = staticmethod(torch.compile(chunk_loss, mode=mode))

    @torch.no_grad()
    def take(self, reference):
        """Copies the weights of a transformers LlamaForCausalLM of the same shape."""
        self.embed.weight.copy_(reference.model.embed_tokens.weight)
        self.norm.copy_(reference.model.norm.weight)
        for mine, theirs in zip(self.layers, reference.model.layers):
            a, m = theirs.self_attn, theirs.mlp
            mine.norm1.copy_(theirs.input_layernorm.weight)
            mine.norm2.copy_(theirs.post_attention_layernorm.weight)
            mine.qkv.weight.copy_(torch.cat([a.q_proj.weight, a.k_proj.weight, a.v_proj.weight]))
            mine.out.weight.copy_(a.o_proj.weight)
            mine.gate_up.weight.copy_(torch.cat([m.gate_proj.weight, m.up_proj.weight]))
            mine.down.weight.copy_(m.down_proj.weight)


class Masters:
    """AdamW on f32 masters of bf16 weights."""

    def __init__(self, model, fused):
        self.weights = list(model.parameters())
        self.masters = [p.detach().float().clone() for p in self.weights]
        for m in self.masters:
            m.grad = torch.zeros_like(m)
        self.adamw = torch.optim.AdamW(self.masters, lr=3e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=fused)

    @torch.no_grad()
    def step(self):
        torch._foreach_copy_([m.grad for m in self.masters], [w.grad for w in self.weights])
        nn.utils.clip_grad_norm_(self.masters, 1.0, foreach=True)
        self.adamw.step()
        torch._foreach_copy_(self.weights, self.masters)
        torch._foreach_zero_([w.grad for w in self.weights])
