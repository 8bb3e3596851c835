"""Tiny random models of the architectures and chat templates that users bring, with SmolLM2's tokenizer."""

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}THOUGHT{{ message['content'] }}"
    "<|im_end|>{{ '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}ASKED{% endif %}"
)
EMPTY = "{{ '<think>\\n\\n</think>\\n\\n' }}"


def template(thought="", asked="", before=""):
    """ChatML; thought: before an answer; asked: at a prompt's end; before: at the template's beginning."""
    return before + CHATML.replace("THOUGHT", thought).replace("ASKED", asked)


OF_ANSWERS = "{% if message['role'] == 'assistant' %}" + EMPTY + "{% endif %}"
SWITCH = "{% if enable_thinking is defined and not enable_thinking %}" + EMPTY + "{% endif %}"
REFUSES = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
SILENT = "{% if messages[0]['role'] == 'system' %}{% set messages = messages[1:] %}{% endif %}"
TEMPLATES = {
    "an empty thought before answers": template(OF_ANSWERS),
    "a switch for thinking": template(OF_ANSWERS, SWITCH),
    "every answer begins in a thought": template(asked="{{ '<think>\\n' }}"),
    "refuses a system message": template(before=REFUSES),
    "leaves out a system message": template(before=SILENT),
}
# kind: (class of its configuration, what it needs beside SIZES)
ARCHITECTURES = {
    "llama": ("LlamaConfig", {"tie_word_embeddings": False}),
    "mistral, window of 64": ("MistralConfig", {"sliding_window": 64}),
    "granite": ("GraniteConfig", {"logits_scaling": 8.0, "embedding_multiplier": 12.0, "attention_multiplier": 0.1}),
    "lfm2": ("Lfm2Config", {"layer_types": ["conv", "full_attention"] * 2, "num_hidden_layers": 4, "block_auto_adjust_ff_dim": False}),
    "qwen3.5": ("Qwen3_5TextConfig", {
        "layer_types": ["linear_attention", "full_attention"], "head_dim": 64,  # llama.cpp breaks off at less
        "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 64, "linear_value_head_dim": 64,
        "mtp_num_hidden_layers": 1,
    }),
    "gemma2": ("Gemma2Config", {"head_dim": 16, "sliding_window": 64}),
    # llama.cpp takes for granted: the first layers slide, queries are scaled by the head's size
    "gemma3": ("Gemma3TextConfig",
               {"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 64, "layer_types": ["sliding_attention"] * 2}),
    "phi": ("PhiConfig", {"num_key_value_heads": 4, "intermediate_size": 256}),  # as llama.cpp takes for granted
    "mamba2": ("Mamba2Config", {"num_heads": 8, "head_dim": 16, "state_size": 16, "n_groups": 1}),
}  # fmt: skip
SIZES = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
}  # fmt: skip


def make(kind, folder, like, seed=0):
    """Write the tiny model of a kind, with random weights of a seed, into a folder. like: whose tokenizer it has."""
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(like)
    tokenizer.chat_template = TEMPLATES.get(kind, template())
    if kind == "turns end otherwise than answers":
        tokenizer.eos_token = "<|endoftext|>"
    words = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    name, more = ARCHITECTURES.get(kind, ARCHITECTURES["llama"])
    rows = len(tokenizer)
    if kind == "a tokenizer too large":
        tokenizer.add_tokens(["<|more|>"], special_tokens=True)
        tokenizer.chat_template = tokenizer.chat_template.replace("{% endif %}", "<|more|>{% endif %}")
    torch.manual_seed(seed)
    config = getattr(transformers, name)(**{**SIZES, "vocab_size": rows, **words, **more})
    model = transformers.AutoModelForCausalLM.from_config(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
