"""Ask a Transformers model prompts in batches, each next token the likeliest one, in a few forward passes.

What all prompts begin with is read once. The rest is speculative decoding (Leviathan et al. 2023, section 2, at temperature
0): a trained student's answers are nearly one sentence, so each row is handed a draft, what followed the same few tokens in
earlier answers, and one forward pass checks the drafts of all rows and keeps the tokens that greedy decoding would have
chosen itself. Drafts change the speed, not the answer (up to the rounding of near ties). A model whose cache is not plain
(cpu_attention.py) does without both. What a model's generation_config adds to greedy decoding, such as Qwen2.5's repetition
penalty, is not applied: llama.cpp does not apply it to the exported student either.
"""

import collections
import copy
import os

from llm_ts import question
from llm_ts.fast import cpu_attention
from llm_ts.student import chat

MAX_NEW_TOKENS = 240  # an answer has some 50, said in two ways some 120, in the words of a large teacher more
ORDER = 4  # tokens from which a draft goes on
SHARE = 0.7  # of the earlier answers that go on like a draft, at least
WIDTH = 24  # tokens of a draft that a forward pass checks, at most
MOST_LEARNT = 100_000  # beginnings, some 40 MB: a trained student's answers have a few hundred


class Drafts:
    """What followed the same ORDER tokens in earlier answers, and how often."""

    def __init__(self):
        self._next = collections.defaultdict(collections.Counter)

    def learn(self, answer):
        """Add an answer, a list of tokens."""
        if len(self._next) > MOST_LEARNT:
            return
        for place, token in enumerate(answer):
            self._next[tuple(answer[max(0, place - ORDER) : place])][token] += 1

    def guess(self, said, width):
        """At most `width` next tokens after those said, as far as a SHARE of what was learnt goes on alike.

        So a draft ends before a label that is open: beyond it, some row of the batch would not keep what was read.
        """
        draft = []
        while len(draft) < width:
            seen = self._next.get(tuple([*said, *draft][-ORDER:]))
            if not seen:
                break
            token, count = seen.most_common(1)[0]
            if count < SHARE * seen.total():
                break
            draft.append(token)
        return draft


def _padded(rows, shared, padding):
    """Lists of tokens whose first `shared` are the same -> (ids, mask), tensors of (rows, tokens).

    The padding stands behind what the rows share (system message and instruction), which so needs to be read once.
    """
    import torch

    longest = max(map(len, rows))
    ids = [row[:shared] + [padding] * (longest - len(row)) + row[shared:] for row in rows]
    mask = [[1] * shared + [0] * (longest - len(row)) + [1] * (len(row) - shared) for row in rows]
    return torch.tensor(ids), torch.tensor(mask)


def _read_once(model, rows, image):
    """The cache of the tokens that all rows begin with, of one row; None where there are none, or one row alone.

    image: the token that stands for a picture, which no two rows share.
    """
    import torch

    beginning = os.path.commonprefix(rows)
    alike = beginning.index(image) if image in beginning else len(beginning)
    # a last token is left to each to predict the first of its answer from
    shared = min(alike, min(map(len, rows)) - 1) if len(rows) > 1 else 0
    ids = torch.tensor([rows[0][:shared]], device=model.device) if shared else None
    return model(ids, use_cache=True, logits_to_keep=1).past_key_values if shared else None


def _places(model, ids, mask, pictures):
    """Positions of the tokens, (rows, tokens) or (axes, rows, tokens); how far the next ones' are ahead of their count, (rows, 1).

    Qwen's vision models count the tokens of a picture by its rows and columns.
    """
    places = (mask.cumsum(dim=1) - 1).clamp(min=0)
    inner = getattr(model.get_base_model() if hasattr(model, "get_base_model") else model, "model", None)
    if not pictures or not hasattr(inner, "get_rope_index"):
        return places, 0
    types = (ids == model.config.image_token_id).int()
    grids = {name: value for name, value in pictures.items() if name.endswith("_thw")}
    return inner.get_rope_index(ids, types, attention_mask=mask, **grids)


def _answer_batch(model, tokenizer, rows, beginning, max_new_tokens, drafts, pictures):
    """Continuations of prompts, lists of tokens, as lists of tokens without their end.

    beginning: a cache that holds what all of them begin with, or None. drafts: a Drafts, or None for a model that cannot
    take back what it read. pictures: what the model takes of them beside.
    """
    import torch

    # a cache of its own for each row, of what all begin with; new: what is still to be read, first the prompts' rest
    ends = chat.ends_of(model, tokenizer)
    past, shared = copy.deepcopy(beginning), beginning.get_seq_length() if beginning else 0
    if past:
        past.batch_repeat_interleave(len(rows))
    ids, mask = (part.to(model.device) for part in _padded(rows, shared, tokenizer.pad_token_id))
    places, ahead = _places(model, ids, mask, pictures)
    new = ids[:, shared:]
    answers, done = [[] for _ in rows], [False] * len(rows)
    while not all(done):
        # behind what is new, each open row has its draft, padded to the widest
        most = [0 if end or drafts is None else min(WIDTH, max_new_tokens - len(row) - 1) for row, end in zip(answers, done)]
        guesses = [drafts.guess(row, width) if width else [] for row, width in zip(answers, most)]
        wide = max(map(len, guesses))
        guessed = [guess + [tokenizer.pad_token_id] * (wide - len(guess)) for guess in guesses]
        new = torch.cat([new, torch.tensor(guessed, dtype=torch.long, device=model.device)], dim=1)

        # one pass: the likeliest token after the last one that is sure, and after each one of the draft
        seen = torch.cat([mask, mask.new_ones(len(rows), wide)], dim=1)
        counted = (seen.cumsum(dim=1) - 1 + ahead).clamp(min=0)
        all_places = torch.cat([places, counted[:, places.shape[-1] :].expand(*places.shape[:-1], -1)], dim=-1)
        at = all_places[..., -new.shape[1] :]
        keywords = {"attention_mask": seen, "position_ids": at, "past_key_values": past, "logits_to_keep": wide + 1}
        out = model(new, use_cache=True, **keywords, **pictures)
        past, pictures = out.past_key_values, {}  # which are read once, with the prompts
        best = out.logits.argmax(dim=-1).tolist()

        # of each draft those tokens are kept that greedy decoding chooses too, and the one after them
        kept = []
        for i, guess in enumerate(guesses):
            kept.append(next((k for k, token in enumerate(guess) if token != best[i][k]), len(guess)))
            for token in best[i][: 0 if done[i] else kept[i] + 1]:
                answers[i].append(token)
                if token in ends or len(answers[i]) >= max_new_tokens:
                    done[i] = True
                    break

        # what was read of a draft beyond its right tokens stays in the cache, where nobody looks at it again
        right = torch.arange(wide, device=model.device) < torch.tensor(kept, device=model.device)[:, None]
        mask = torch.cat([mask, right.to(mask.dtype), mask.new_ones(len(rows), 1)], dim=1)
        new = torch.tensor([row[-1:] for row in answers], device=model.device)
    return [row[:-1] if row[-1] in ends else row for row in answers]


def _taken_in(model, processor, texts, prompts):
    """Texts of chats with pictures -> (lists of tokens, {name: tensor} of what the model takes of the pictures beside)."""
    drawn = [[prompt.picture()] for prompt in prompts]
    taken = processor(text=texts, images=drawn, padding=True, return_tensors="pt", add_special_tokens=False)
    rows = [row[kept.bool()].tolist() for row, kept in zip(taken["input_ids"], taken["attention_mask"])]
    names = [name for name in taken if name.startswith(("pixel_", "image_"))]
    return rows, {name: taken[name].to(model.device) for name in names}


def generate(model, processor, prompts, batch_size=32, max_new_tokens=MAX_NEW_TOKENS, progress=None, drafts=None):
    """Answers to the prompts, in their order; the longest first, so that memory fails early.

    processor: the model's tokenizer, or a vision model's processor. prompts: texts, or question.Shown for a vision model.
    batch_size: prompts answered together, at most. progress: called with the number done after each batch. drafts: a Drafts
    that goes on learning from one call to the next.
    """
    import torch

    if model.device.type == "cpu":
        batch_size = min(batch_size, cpu_attention.BATCH)
    tokenizer, texts = getattr(processor, "tokenizer", processor), chat.prompts_of(processor, prompts)
    rows = chat.ids_of(tokenizer, texts)  # a picture is one token there
    order = sorted(range(len(rows)), key=lambda i: -len(rows[i]))
    answers = [""] * len(rows)
    drafts = Drafts() if drafts is None else drafts
    see = any(isinstance(prompt, question.Shown) for prompt in prompts)
    was_training = model.training
    model.eval()
    try:
        with cpu_attention.merged(model), torch.inference_mode():
            plain = bool(rows) and cpu_attention.has_plain_cache(model)
            beginning = _read_once(model, rows, processor.image_token_id if see else None) if plain else None
            for start in range(0, len(order), batch_size):
                chosen = order[start : start + batch_size]
                batch, pictures = [rows[i] for i in chosen], {}
                if see:
                    batch, pictures = _taken_in(model, processor, [texts[i] for i in chosen], [prompts[i] for i in chosen])
                own = drafts if plain else None
                new = _answer_batch(model, tokenizer, batch, beginning, max_new_tokens, own, pictures)
                for i, text in zip(chosen, tokenizer.batch_decode(new, skip_special_tokens=True)):
                    answers[i] = text.strip()
                for row in new:
                    drafts.learn(row)
                if progress:
                    progress(start + len(chosen))
    finally:
        model.train(was_training)
    return answers
