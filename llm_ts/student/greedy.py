"""Greedy answers of a .gguf file to many prompts, quick where the answers are nearly known: a draft is checked in one pass.

What a prompt shares with the one before it is not read again. Both are left out where llama.cpp cannot take tokens back
(models with a recurrent memory).
"""

import ctypes

import numpy as np

from llm_ts.student.answer import WIDTH


def answer(model, prompt, draft, drafts, most):
    """The greedy answer, a list of tokens without its end.

    model: a llama_cpp.Llama. prompt: tokens. draft: tokens that are likely to be the answer; drafts: an answer.Drafts, for
    what follows where it is not; most: the answer's tokens, at most.
    """
    import llama_cpp

    vocab = llama_cpp.llama_model_get_vocab(model.model)
    kept = _keep(model, _alike(model.input_ids[: model.n_tokens].tolist(), prompt[:-1]))
    new, said = prompt[kept:], []
    while True:
        tried = (draft or drafts.guess(said, WIDTH))[: most - len(said) - 1]
        best = _read(model, new + tried, len(tried) + 1)
        right = next((k for k, token in enumerate(tried) if token != best[k]), len(tried))
        for token in best[: right + 1]:
            if llama_cpp.llama_vocab_is_eog(vocab, token) or len(said) == most:
                return said
            said.append(token)
        if len(said) >= most:
            return said
        draft, there = [], len(prompt) + len(said) - 1
        new = said[-1:] if _keep(model, there) == there else prompt + said


def _alike(before, tokens):
    """The number of first tokens that are the same."""
    return next((k for k, (a, b) in enumerate(zip(before, tokens)) if a != b), min(len(before), len(tokens)))


def _keep(model, count):
    """Have a model forget all but the first tokens that it read; returns how many it kept: none, where it cannot."""
    import llama_cpp

    memory = llama_cpp.llama_get_memory(model.ctx)
    if count < model.n_tokens and not llama_cpp.llama_memory_seq_rm(memory, 0, count, -1):
        llama_cpp.llama_memory_clear(memory, True)
        count = 0
    model.n_tokens = min(count, model.n_tokens)
    return model.n_tokens


def _read(model, tokens, wanted):
    """Read more tokens; returns the likeliest next token after each of the last `wanted`."""
    import llama_cpp

    best, words = [], llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model.model))
    for start in range(0, len(tokens), model.n_batch):
        part = tokens[start : start + model.n_batch]
        batch = model._batch
        batch.set_batch(part, model.n_tokens, logits_all=False)
        shown = [k for k in range(len(part)) if start + k >= len(tokens) - wanted]
        for k in range(len(part)):
            batch.batch.logits[k] = k in shown
        if llama_cpp.llama_decode(model.ctx, batch.batch):
            raise RuntimeError(f"llama.cpp cannot read {model.n_tokens + len(part)} tokens")
        for k in shown:
            logits = llama_cpp.llama_get_logits_ith(model.ctx, k)
            best.append(int(np.ctypeslib.as_array(ctypes.cast(logits, ctypes.POINTER(ctypes.c_float)), (words,)).argmax()))
        model.input_ids[model.n_tokens : model.n_tokens + len(part)] = part
        model.n_tokens += len(part)
    return best
