"""What makes a transformer answer sooner on a CPU: the same numbers in another order (measured in results/LOG.md).

Reads, writes: nothing.
Run: no command of its own; student.py prepares every model that it loads, evaluation.py merges adapters while it asks.
"""

import contextlib

ATTENTION = "sdpa_or_products"


def prepare(model):
    """Make a Transformers model quick on a CPU, in place; on a GPU it computes as before."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    # a slice of the positions is not contiguous, and would be multiplied row by row, ten times slower
    model.get_output_embeddings().register_forward_pre_hook(lambda module, inputs: (inputs[0].contiguous(),))
    AttentionInterface.register(ATTENTION, _attend)
    AttentionMaskInterface.register(ATTENTION, sdpa_mask)
    if model.config._attn_implementation == "sdpa":
        model.set_attn_implementation(ATTENTION)


def _attend(module, query, key, value, attention_mask, scaling=None, **kwargs):
    """Attention of one new token a row as two plain products, which PyTorch's kernel takes six times as long for.

    query: (rows, heads, new tokens, width); key, value: (rows, key heads, tokens, width); attention_mask: None, or
    whether a token may be seen, (rows, 1, new tokens, tokens). Anything else goes to PyTorch's own attention.
    """
    import torch
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    rows, heads, new, width = query.shape
    mask_fits = attention_mask is None or attention_mask.dtype == torch.bool
    if new > 1 or query.device.type != "cpu" or torch.is_grad_enabled() or not mask_fits:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    grouped = query.reshape(rows, key.shape[1], heads // key.shape[1], width)
    scores = (grouped @ key.transpose(2, 3)).float() * (width**-0.5 if scaling is None else scaling)
    if attention_mask is not None:
        scores = scores.masked_fill(~attention_mask, float("-inf"))
    out = scores.softmax(dim=-1).to(value.dtype) @ value
    return out.reshape(rows, 1, heads, width), None


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
