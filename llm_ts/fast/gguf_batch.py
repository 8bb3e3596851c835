"""Ask a GGUF model many prompts through llama.cpp, greedily: what all begin with is read once, and the answers grow side by side.

Each prompt has a slot: a sequence of llama.cpp's with a cache of its own. One after another they are read, each as wide as
its rest; then every step decodes one token for each open slot, so that the weights are fetched once for all of them.
"""

import contextlib
import os

from llm_ts.base import cli

SLOTS = 8  # prompts that are answered side by side, at most
CELLS = 8192  # tokens that all slots hold together, at most, but for one that is longer; 190 MB for SmolLM2-135M
BATCH = 512  # tokens that llama.cpp takes in at once


def rows_of(model, chats):
    """Chats, lists of messages -> lists of tokens, by the model's own chat template. model: a llama_cpp.Llama."""
    from jinja2 import TemplateError
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter

    template = model.metadata.get("tokenizer.chat_template")
    if not template:
        raise cli.UserError(f"{model.model_path} has no chat template: give an instruction-tuned model")
    eos, bos = (
        model.detokenize([token], special=True).decode("utf-8", "ignore") for token in (model.token_eos(), model.token_bos())
    )
    write = Jinja2ChatFormatter(template, eos, bos)
    try:
        texts = [write(messages=chat).prompt for chat in chats]
    except TemplateError as error:
        reason = " ".join(str(error).split())[:200]
        raise cli.UserError(f"{model.model_path} cannot be asked this: {reason} (hf2gguf.py mends a model's template)") from None
    return [model.tokenize(text.encode(), add_bos=False, special=True) for text in texts]


def ask(model, chats, max_tokens, adapters=(), before_step=lambda: None):
    """The greedy answers to chats, as texts in their order. UserError where one does not fit into the model's context.

    adapters: llama.cpp's, loaded for the model; they are added up. before_step: called before each
    of llama.cpp's steps.
    """
    rows = rows_of(model, chats)
    if not rows:
        return []
    each = max(map(len, rows)) + max_tokens
    if each > model._model.n_ctx_train():
        raise cli.UserError(
            f"a prompt of {max(map(len, rows))} tokens is too long for {model.model_path}: choose fewer values (--last N)"
        )
    slots = max(1, min(SLOTS, len(rows), CELLS // each))
    with contextlib.closing(_Context(model, slots, each, adapters, before_step)) as context:
        shared = min(len(os.path.commonprefix(rows)), min(map(len, rows)) - 1) if len(rows) > 1 and context.can_forget else 0
        context.share(rows[0][:shared])
        answers = []
        for start in range(0, len(rows), slots):
            answers += context.answer([row[shared:] for row in rows[start : start + slots]], shared, max_tokens)
    return [model.detokenize(tokens).decode("utf-8", "ignore").strip() for tokens in answers]


class _Context:
    """llama.cpp's functions on a context of so many slots of `each` tokens, with these adapters on the model."""

    def __init__(self, model, slots, each, adapters, before_step):
        import ctypes

        import llama_cpp

        self.api, self.slots, self.before_step = llama_cpp, slots, before_step
        inner = model._model.model
        self.vocab, self.words = llama_cpp.llama_model_get_vocab(inner), model.n_vocab()
        # whether a cache can be cut back to what all prompts begin with: an attention's can, a recurrent state cannot
        self.can_forget = not (llama_cpp.llama_model_is_recurrent(inner) or llama_cpp.llama_model_is_hybrid(inner))

        params = llama_cpp.llama_context_default_params()
        params.n_seq_max, params.n_ctx = slots, slots * -(-each // 256) * 256  # each slot's share is a multiple of 256
        params.n_batch = params.n_ubatch = BATCH
        params.n_threads, params.n_threads_batch = model.context_params.n_threads, model.context_params.n_threads_batch
        self.context = llama_cpp.llama_init_from_model(inner, params)
        if not self.context:
            raise cli.UserError(f"no memory for {slots} answers of {each} tokens from {model.model_path}")
        self.batch, self.memory = llama_cpp.llama_batch_init(BATCH, 0, 1), llama_cpp.llama_get_memory(self.context)
        if adapters:
            number = len(adapters)
            loaded = (llama_cpp.llama_adapter_lora_p_ctypes * number)(*adapters)
            llama_cpp.llama_set_adapters_lora(self.context, loaded, number, (ctypes.c_float * number)(*[1.0] * number))

    def close(self):
        self.api.llama_batch_free(self.batch)
        self.api.llama_free(self.context)

    def _decode(self, entries):
        """entries: (token, place, slot) -> the likeliest token after the last one of each slot: {slot: token}."""
        import numpy as np

        batch, last = self.batch, {slot: number for number, (_, _, slot) in enumerate(entries)}
        batch.n_tokens = len(entries)
        for number, (token, place, slot) in enumerate(entries):
            batch.token[number], batch.pos[number], batch.logits[number] = token, place, last[slot] == number
            batch.n_seq_id[number], batch.seq_id[number][0] = 1, slot
        self.before_step()
        if self.api.llama_decode(self.context, batch):
            raise cli.UserError("llama.cpp could not go on: is the memory full?")
        likeliest = {}
        for slot, number in last.items():
            logits = self.api.llama_get_logits_ith(self.context, number)
            likeliest[slot] = int(np.ctypeslib.as_array(logits, shape=(self.words,)).argmax())
        return likeliest

    def read(self, slot, tokens, place):
        """Read tokens into a slot from a place on -> the likeliest next token; None for no tokens."""
        likeliest = None
        for start in range(0, len(tokens), BATCH):
            part = tokens[start : start + BATCH]
            likeliest = self._decode([(token, place + start + k, slot) for k, token in enumerate(part)])[slot]
        return likeliest

    def share(self, tokens):
        """Read once, into every slot, what all prompts begin with."""
        self.read(0, tokens, 0)
        for slot in range(1, self.slots if tokens else 1):
            self.api.llama_memory_seq_cp(self.memory, 0, slot, -1, -1)

    def answer(self, rests, shared, max_tokens):
        """The rests of at most `slots` prompts -> lists of tokens without their end.

        The slots then hold what is shared again.
        """
        answers, places = [[] for _ in rests], [shared + len(rest) for rest in rests]
        now = {slot: self.read(slot, rest, shared) for slot, rest in enumerate(rests)}
        while now := {slot: token for slot, token in now.items() if not self.api.llama_vocab_is_eog(self.vocab, token)}:
            for slot, token in now.items():
                answers[slot].append(token)
            if len(answers[next(iter(now))]) >= max_tokens:
                break
            now = self._decode([(token, places[slot] + len(answers[slot]) - 1, slot) for slot, token in now.items()])
        for slot in range(len(rests)):
            self.api.llama_memory_seq_rm(self.memory, slot, shared or -1, -1)
        return answers
