"""What a model keeps of the tokens that it has read, and whether that can be shared between rows, and partly left unseen."""


def is_plain(kept):
    """Whether a cache is keys and values of every token alone, in all layers.

    Convolutions and linear attention (LFM2, Qwen3.5) sum up what they read, and sliding windows (Gemma 3) count it: there a
    wrong token, or padding, cannot be hidden from what comes after it.
    """
    from transformers.cache_utils import DynamicCache, DynamicLayer

    return isinstance(kept, DynamicCache) and all(type(layer) is DynamicLayer for layer in kept.layers)


def has_plain(model):
    """Whether a model's cache is plain: it reads a single token for that."""
    import torch

    with torch.no_grad():
        out = model(torch.zeros(1, 1, dtype=torch.long, device=model.device), use_cache=True)
    return is_plain(getattr(out, "past_key_values", None))
