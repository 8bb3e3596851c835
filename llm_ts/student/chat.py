"""How a student's chat is written: its model's own template, mended where it would do harm, and where an answer ends.

load.py mends every model that it loads. The mended template goes wherever the student goes: final/, GGUF, llama-server.
"""

import re

from llm_ts import question
from llm_ts.base import cli

# a template that knows no system message: its text joins the user's
JOINED = (
    "{% if messages[0]['role'] == 'system' %}{% set messages = [{'role': 'user', 'content': "
    "messages[0]['content'] + '\\n\\n' + messages[1]['content']}] + messages[2:] %}{% endif %}"
)
SWITCHES = ("enable_thinking", "thinking")  # by which templates are asked not to think first
OPENED = re.compile(r"<(\w*think\w*)>\s*$")  # a prompt that ends so would have the answer stand in a thought
PROBE, SAID = "What is seen?", '{"seen": "all"}'


def _template(processor):
    """The chat template of a tokenizer or processor; of several, the one for plain chats."""
    template = processor.chat_template
    return template.get("default") if isinstance(template, dict) else template


def _probe_of(processor):
    """The probe as messages, and an answer to it as one more."""
    see = hasattr(processor, "image_processor")
    answer = [{"type": "text", "text": SAID}] if see else SAID
    return question.messages_of(question.Shown(PROBE, None) if see else PROBE), {"role": "assistant", "content": answer}


def _prompt(processor, template, **switch):
    """The probe as a prompt; None where the template refuses it, or leaves a part of it out."""
    from jinja2 import TemplateError

    how = {"chat_template": template, "tokenize": False, "add_generation_prompt": True}
    try:
        text = processor.apply_chat_template(_probe_of(processor)[0], **how, **switch)
    except (TemplateError, TypeError, KeyError):
        return None
    return text if question.SYSTEM in text and PROBE in text else None


def _around_answer(processor, name):
    """What the template writes before an answer to the probe, and behind it. UserError where it takes none; name: the model's."""
    from jinja2 import TemplateError

    chat, answer = _probe_of(processor)
    try:
        text = processor.apply_chat_template([*chat, answer], chat_template=_template(processor), tokenize=False)
    except (TemplateError, TypeError, KeyError) as error:
        raise cli.UserError(f"{name}: its chat template takes no answer ({error}): give another instruct model") from None
    before, answered, after = text.rpartition(SAID)
    if not answered:
        raise cli.UserError(f"{name}: its chat template leaves out what is answered: give another instruct model")
    return before, after


def mend(model, processor, name):
    """Mend the template of a model's tokenizer or processor, and let its turns and its answers end alike, in place.

    - Without a system role: the system text joins the user's.
    - With a switch for thinking: it is off. With a thought that every answer begins in: it is closed.
    - Where turns end by another token than answers (base models): by the turns' token.

    UserError where the template cannot carry a question and an answer. name: the model's, for it.
    """
    template = _template(processor)
    if _prompt(processor, template) is None:
        template = JOINED + template
    if _prompt(processor, template) is None:
        raise cli.UserError(f"{name}: its chat template leaves out, or refuses, what is asked: give another instruct model")
    for switch in SWITCHES:
        if switch in template and _prompt(processor, template, **{switch: False}) != _prompt(processor, template):
            template = f"{{% set {switch} = false %}}{template}"
    if thought := OPENED.search(_prompt(processor, template)):
        closed = f"{{% if add_generation_prompt %}}{{{{ '</{thought[1]}>\\n\\n' }}}}{{% endif %}}"
        template = template.removesuffix("\n") + closed
    if template != _template(processor):
        processor.chat_template = template
        if hasattr(processor, "tokenizer"):
            processor.tokenizer.chat_template = template
    _end_alike(model, processor, name)


def ends_of(model, tokenizer):
    """The tokens that end an answer."""
    ends = model.generation_config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    return {tokenizer.eos_token_id, *ends} - {None}


def _end_alike(model, processor, name):
    """Make the token that ends a turn of the template the one that ends an answer."""
    tokenizer = getattr(processor, "tokenizer", processor)
    tokens, ends = tokenizer(after_of(processor, name), add_special_tokens=False)["input_ids"], ends_of(model, tokenizer)
    if ends.intersection(tokens):
        return
    marks = {token for token, added in tokenizer.added_tokens_decoder.items() if added.special}
    special = [token for token in tokens if token in marks]
    if special:
        tokenizer.eos_token = tokenizer.convert_ids_to_tokens(special[0])
        model.generation_config.eos_token_id = [special[0], *sorted(ends)]
        model.config.get_text_config().eos_token_id = special[0]
    elif tokenizer.eos_token is None:
        raise cli.UserError(f"{name} is not an instruct model: no token ends its turns")


def after_of(processor, name):
    """What the template writes behind an answer: its end, "<|im_end|>\\n"."""
    return _around_answer(processor, name)[1]


def prompts_of(processor, prompts):
    """Prompts, texts or question.Shown -> the texts that a model is given, up to where its answer begins."""
    chats = [question.messages_of(prompt) for prompt in prompts]
    return [processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True) for chat in chats]


def ids_of(tokenizer, texts):
    """Texts of prompts_of -> lists of tokens; what is special in them stands there already."""
    return tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []


def lessons_of(model, tokenizer, prompts, answers):
    """Prompts and answers -> [{"input_ids": [...], "labels": [...]}]: learnt is the answer and its end, nothing before.

    The tokens before the answer are those that the model is asked with: whatever a template puts before past answers
    (an empty thought) is not learnt. UserError where the tokenizer does not give an answer back.
    """
    after = after_of(tokenizer, tokenizer.name_or_path)
    if not ends_of(model, tokenizer).intersection(ids_of(tokenizer, [after])[0]):
        after += tokenizer.eos_token
    texts = prompts_of(tokenizer, prompts)
    whole = ids_of(tokenizer, [text + answer + after for text, answer in zip(texts, answers)])
    lessons = []
    for before, ids, answer in zip(ids_of(tokenizer, texts), whole, answers):
        rest = ids[len(before) :]
        if ids[: len(before)] != before:  # a token reaches over the answer's beginning
            (rest,) = ids_of(tokenizer, [answer + after])
        lessons.append({"input_ids": before + rest, "labels": [-100] * len(before) + rest})
    learnt = tokenizer.decode([token for token in lessons[0]["labels"] if token != -100], skip_special_tokens=True)
    if learnt.strip() != answers[0]:
        raise cli.UserError(f"{tokenizer.name_or_path}: its tokenizer gives {learnt[:80]!r} back for {answers[0][:80]!r}")
    return lessons


def require_nothing_before(processor, name):
    """UserError where the template of a vision model, whose chats TRL writes, puts something of its own before an answer."""
    if _around_answer(processor, name)[0] != _prompt(processor, _template(processor)):
        raise cli.UserError(f"{name}: its chat template puts words of its own before an answer: not supported")
