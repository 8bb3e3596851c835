"""Ask a Transformers model prompts in batches, greedily: each next token is the likeliest one, in a few forward passes.

Reads, writes: nothing.
Run: no command of its own; evaluation.py and student.py ask through this module.

What all prompts of a batch begin with is read once. A trained student's answers are nearly one sentence, so that each
batch is handed an earlier answer as a draft: one forward pass checks many of its tokens for every row, and keeps those
that greedy decoding would have chosen itself (Leviathan et al. 2023, section 2, at temperature 0). A draft decides
how soon an answer comes and, up to the rounding of near ties, not which. What a model's generation_config adds to greedy
decoding, such as Qwen2.5's repetition penalty, is not applied: llama.cpp does not apply it to the exported student either.
"""

import os

import cpu
import description

WIDTH = 16  # tokens of a draft that a forward pass checks, at most
POOL = 200  # distinct answers that are kept as drafts


def _padded(tokenizer, texts):
    """Texts -> (ids, mask, shared): tensors of (texts, tokens) whose first `shared` columns are the same in all rows.

    The padding stands between what the prompts share (system message and instruction) and what they do not, so that
    what they share is read once for the batch. shared is 0 for a single text.
    """
    import torch

    ids = tokenizer(texts, add_special_tokens=False)["input_ids"]
    shared = len(os.path.commonprefix(ids)) if len(ids) > 1 else 0
    shared = min(shared, min(map(len, ids)) - 1)  # a last token is left to predict the first of the answer from
    longest = max(map(len, ids))
    padded = [row[:shared] + [tokenizer.pad_token_id] * (longest - len(row)) + row[shared:] for row in ids]
    mask = [[1] * shared + [0] * (longest - len(row)) + [1] * (len(row) - shared) for row in ids]
    return torch.tensor(padded), torch.tensor(mask), shared


def _read(model, ids, mask, shared):
    """Read the prompts -> (cache, logits of each row's first new token)."""
    import torch

    past = None
    if shared:
        past = model(ids[:1, :shared], use_cache=True, logits_to_keep=1).past_key_values
        past.batch_repeat_interleave(len(ids))
    places = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, shared:]
    out = model(
        ids[:, shared:], attention_mask=mask, position_ids=places, past_key_values=past, use_cache=True, logits_to_keep=1
    )
    return out.past_key_values, out.logits[:, -1]


def _draft(pool, said, width):
    """The next `width` tokens after those said: of the latest answer in the pool that begins alike, else of the latest.

    pool: lists of tokens, the latest last. An answer that began otherwise is taken to go on alike at the same place.
    """
    alike = (answer for answer in reversed(pool) if answer[: len(said)] == said)
    return next(alike, pool[-1] if pool else [])[len(said) : len(said) + width]


def _answer_batch(model, tokenizer, texts, max_new_tokens, pool):
    """Greedy continuations of a batch of texts, as lists of tokens without their end; pool: drafts, see _draft."""
    import torch

    ends = model.generation_config.eos_token_id
    ends = {tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])}
    ids, mask, shared = (part.to(model.device) if torch.is_tensor(part) else part for part in _padded(tokenizer, texts))
    past, logits = _read(model, ids, mask, shared)
    length = mask.sum(dim=1, keepdim=True)  # of each row, without padding
    said = [[token] for token in logits.argmax(dim=-1).tolist()]
    done = [row[-1] in ends for row in said]
    width = WIDTH
    while not all(done) and max_new_tokens > 1:
        drafts = [[] if end else _draft(pool, row, min(width, max_new_tokens - len(row))) for row, end in zip(said, done)]
        wide = max(map(len, drafts))
        new = torch.tensor([[row[-1], *draft] + [row[-1]] * (wide - len(draft)) for row, draft in zip(said, drafts)])
        new = new.to(model.device)
        count = torch.tensor([[len(row)] for row in said], device=model.device)
        places = length + count - 1 + torch.arange(wide + 1, device=model.device)
        seen = torch.cat([mask, torch.ones_like(new)], dim=1)
        out = model(new, attention_mask=seen, position_ids=places, past_key_values=past, use_cache=True)
        best = out.logits.argmax(dim=-1).tolist()
        kept = []  # tokens of the draft that greedy decoding chooses too
        for i, draft in enumerate(drafts):
            right = next((k for k, token in enumerate(draft) if token != best[i][k]), len(draft))
            kept.append(right)
            if done[i]:
                continue
            for token in best[i][: right + 1]:
                said[i].append(token)
                if token in ends or len(said[i]) >= max_new_tokens:
                    done[i] = True
                    break
        taken = torch.tensor(kept, device=model.device)[:, None]
        # what was read of a draft beyond its right tokens stays in the cache, where nobody looks at it again
        mask = torch.cat([mask, (torch.arange(wide + 1, device=model.device) <= taken).long()], dim=1)
        width = WIDTH if 2 * max(kept) >= width else width // 2
    return [row[:-1] if row[-1] in ends else row for row in said]


def generate(model, tokenizer, prompts, batch_size=32, max_new_tokens=160, progress=None, pool=None):
    """Greedy answers to the prompts, in their order; the longest first, so that memory fails early.

    batch_size: prompts answered together, at most. progress: called with the number done after each batch. pool: a list
    that keeps the drafts from one call to the next.
    """
    import torch

    if model.device.type == "cpu":
        batch_size = min(batch_size, cpu.BATCH)
    texts = [
        tokenizer.apply_chat_template(description.messages_of(prompt), tokenize=False, add_generation_prompt=True)
        for prompt in prompts
    ]
    order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
    answers = [""] * len(texts)
    pool = [] if pool is None else pool
    was_training = model.training
    model.eval()
    try:
        with cpu.merged(model), torch.inference_mode():
            start = 0
            while start < len(order):
                # the first answer comes alone: it is the draft of the others
                chosen = order[start : start + (batch_size if pool else 1)]
                new = _answer_batch(model, tokenizer, [texts[i] for i in chosen], max_new_tokens, pool)
                for i, text in zip(chosen, tokenizer.batch_decode(new, skip_special_tokens=True)):
                    answers[i] = text.strip()
                for row in new:
                    if row not in pool:
                        pool.append(row)
                del pool[:-POOL]
                start += len(chosen)
                if progress:
                    progress(start)
    finally:
        model.train(was_training)
    return answers
