"""What makes a transformer answer sooner on a CPU: the same sums in another order, up to rounding (measured in results/LOG.md).

load.py prepares every model that it loads, answer.py merges adapters while it asks.
"""

import contextlib
import ctypes

ATTENTION = "products_or_sdpa"
MOST_SCORES = 2**26  # of a layer, rows x heads x new tokens x tokens: 128 MiB in bf16, twice that in fp32
CHUNK = 96  # new tokens whose scores are computed together
BATCH = 16  # prompts that are read together, at most: more, and their activations fall out of the processor's cache
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


def prepare(model):
    """Make a Transformers model quick on a CPU, in place; on a GPU it computes as before."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    # glibc keeps freed memory for the next step: the system would hand it out again page by page, zeroed
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(M_MMAP_THRESHOLD, 2**25)  # the greatest that it takes
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    # a slice of the positions is not contiguous, and would be multiplied row by row, ten times slower
    model.get_output_embeddings().register_forward_pre_hook(lambda module, inputs: (inputs[0].contiguous(),))
    AttentionInterface.register(ATTENTION, _attend)
    AttentionMaskInterface.register(ATTENTION, sdpa_mask)
    text = model.config.get_text_config()
    if getattr(text, "attn_logit_softcapping", None):  # Gemma 2: the other ways leave it out in silence
        model.set_attn_implementation("eager")
    if text._attn_implementation == "sdpa":  # a vision tower's attention is not causal, and stays as it is
        model.set_attn_implementation(ATTENTION if text is model.config else {"text_config": ATTENTION})


def _attend(module, query, key, value, attention_mask, scaling=None, dropout=0.0, **kwargs):
    """Causal attention as two matrix products: 2 to 6 times as fast as PyTorch's CPU kernel, forward and backward.

    query: (rows, heads, new tokens, width); key, value: (rows, key heads, tokens, width); attention_mask: None, or
    whether a token may be seen, (rows or 1, 1, new tokens, tokens). CHUNK new tokens at a time, which see nothing behind
    them: their scores stay in the processor's cache. Scores are kept in the model's dtype, as Transformers' own eager
    attention keeps them; what would need too much memory for that, or is no such case, goes to PyTorch's kernel.
    """
    import torch
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    if query.device.type != "cpu":
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, dropout=dropout, **kwargs)
    rows, heads, new, width = query.shape
    tokens = key.shape[2]
    mask = attention_mask
    if mask is None and new == tokens:
        mask = torch.ones(1, 1, new, tokens, dtype=torch.bool, device=query.device).tril()
    fits = mask is None and new == 1 or mask is not None and mask.dtype == torch.bool
    kept = new if torch.is_grad_enabled() else min(new, CHUNK)  # new tokens whose scores are there at the same time
    if not fits or dropout or rows * heads * kept * tokens > MOST_SCORES:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, dropout=dropout, **kwargs)
    query = query * (width**-0.5 if scaling is None else scaling)
    parts = []
    for start in range(0, new, CHUNK):
        end = min(start + CHUNK, new)
        seen = tokens - new + end
        part = mask if mask is None else mask[:, :, start:end, :seen]
        parts.append(_attend_to(query[:, :, start:end], key[:, :, :seen], value[:, :, :seen], part))
    return torch.cat(parts, dim=1), None


def _attend_to(query, key, value, mask):
    """The new tokens of query, already scaled, to all of key; shapes as in _attend -> (rows, new tokens, heads, width)."""
    import torch

    rows, heads, new, width = query.shape
    tokens = key.shape[2]
    grouped = (rows, key.shape[1], heads // key.shape[1], new)  # the heads that share a key head stand together
    scores = (query.reshape(*grouped[:2], -1, width) @ key.transpose(2, 3)).view(*grouped, tokens)
    if mask is not None:  # the least number and not -inf: padding sees nothing, and must not become NaN
        hidden = torch.zeros(mask.shape, dtype=scores.dtype).masked_fill_(~mask, torch.finfo(scores.dtype).min)
        scores = scores + hidden.unsqueeze(2)
    out = scores.softmax(dim=-1).view(*grouped[:2], -1, tokens) @ value
    return out.view(rows, heads, new, width).transpose(1, 2)


@contextlib.contextmanager
def merged(model):
    """A PEFT model with its adapter added into the base's weights; afterwards every weight is what it was, bit for bit."""
    from peft import PeftModel
    from peft.tuners.lora import LoraLayer

    if not isinstance(model, PeftModel):
        yield
        return
    weights = [layer.get_base_layer().weight for layer in model.modules() if isinstance(layer, LoraLayer)]
    before = [weight.detach().clone() for weight in weights]
    model.merge_adapter()
    try:
        yield
    finally:
        model.unmerge_adapter()  # which leaves a rounding behind
        for weight, value in zip(weights, before):
            weight.data.copy_(value)


def has_plain_cache(model):
    """Whether what a model keeps is keys and values of every token alone, in all layers: it reads a single token for that.

    Convolutions and linear attention (LFM2, Qwen3.5) sum up what they read, and sliding windows (Gemma 3) count it: there a
    wrong token, or padding, cannot be hidden from what comes after it.
    """
    import torch
    from transformers.cache_utils import DynamicCache, DynamicLayer

    with torch.no_grad():
        out = model(torch.zeros(1, 1, dtype=torch.long, device=model.device), use_cache=True)
    kept = getattr(out, "past_key_values", None)
    return isinstance(kept, DynamicCache) and all(type(layer) is DynamicLayer for layer in kept.layers)
