"""Ollama's Modelfile for a student's GGUF: how it is asked, and that the likeliest word is taken.

Ollama writes chats by a Go template of its own, which it guesses from the GGUF's where a Modelfile has none; here it is made
from the student's own template, for one question and its answer.
"""

import os

from llm_ts import question
from llm_ts.base import disk
from llm_ts.student import chat
from llm_ts.student.answer import MAX_NEW_TOKENS

PLACE = "WHAT-IS-ASKED"  # stands for the user's text while the template is made
CONTEXT = 8192  # tokens of question and answer, where the model takes so many; Ollama's own choice may cut a series off


def path_of(gguf):
    """student.gguf -> student.Modelfile."""
    return gguf.removesuffix(".gguf") + ".Modelfile"


def body_of(model, tokenizer):
    """What a Modelfile says after its FROM: template, system message, end and parameters.

    SYSTEM "You describe time series." -> `{{ .System }}` in the template, and the words in their own line.
    """
    (prompt,) = chat.prompts_of(tokenizer, [PLACE])
    bos = tokenizer.bos_token
    if bos and prompt.startswith(bos) and tokenizer("a")["input_ids"][0] == tokenizer.bos_token_id:
        prompt = prompt.removeprefix(bos)  # Ollama puts it there itself
    after = chat.after_of(tokenizer, tokenizer.name_or_path)
    before, system, between = _quoted(prompt).partition(question.SYSTEM)
    template = before + "{{ .System }}" + between if system else before
    template = template.replace(PLACE, "{{ .Prompt }}") + "{{ .Response }}" + _quoted(after)
    ends = [tokenizer.convert_ids_to_tokens(token) for token in sorted(chat.ends_of(model, tokenizer))]
    most = getattr(model.config.get_text_config(), "max_position_embeddings", None) or CONTEXT
    parameters = [("temperature", 0), ("num_ctx", min(CONTEXT, most)), ("num_predict", MAX_NEW_TOKENS)]
    parameters += [("stop", f'"{end}"') for end in ends]
    lines = [f'TEMPLATE """{template}"""', f'SYSTEM """{question.SYSTEM}"""']
    return "\n".join([*lines, *(f"PARAMETER {name} {value}" for name, value in parameters)]) + "\n"


def _quoted(text):
    """A text in which Go finds no action of a template."""
    return text.replace("{{", '{{ "{{" }}')


def write(gguf, body, adapters=()):
    """Write the Modelfile beside a .gguf, whole or not at all; returns its path. adapters: .gguf files of the same folder."""
    lines = [f"FROM ./{os.path.basename(gguf)}", *(f"ADAPTER ./{os.path.basename(adapter)}" for adapter in adapters)]
    disk.write_text(path_of(gguf), "\n".join(lines) + "\n" + body)
    return path_of(gguf)
