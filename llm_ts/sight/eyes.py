"""Eyes for a text model: a small vision tower and a connector before it, in the architecture of Idefics3 (SmolVLM's).

Transformers, PEFT and llama.cpp know that architecture, so the result is a vision model like any other of the hub. A picture
is squeezed to SIDE x SIDE pixels, cut into GRID x GRID patches, read by the tower, and handed to the text model as a single
token. experiments/pretrain_tower.py teaches the tower to write what it sees into it, in words of the text model's own.

That the connector joins all patches in one product, each with weights of its own, is what makes the tower learn quickly: where
several tokens share the weights, the tower itself has to bring together what lies at different places (results/LOG.md).
"""

from llm_ts.base import cli
from llm_ts.student import load

SIDE = 128  # pixels of a picture's side; a multiple of GRID
GRID = 8  # patches of a picture's side, and of a token's: one token a picture
PAPER, INK = 0.9, 0.2  # mean and spread of a plot's pixels, from 0 to 1: nearly all of it is paper
WIDTH, LAYERS, HEADS = 128, 6, 4
QUIET = 0.1  # length of a token at first, in lengths of a word's embedding: a loud one says something wrong before it learns
IMAGE = "<image>"  # stands for a picture's token
MARKS = ("<fake_token_around_image>", "<global-img>", IMAGE, "<end_of_utterance>")  # that the processor of Idefics3 wants
TEMPLATE = """\
{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}\
{% if message['content'] is string %}{{ message['content'] }}{% else %}\
{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}\
{% endif %}{{ '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""


def give(name, seed=0):
    """A text model (hub name, folder, .gguf file) -> (vision model with a tower of random weights, its processor), in fp32.

    The text model must speak in ChatML, as SmolLM2 and Qwen do. Its vocabulary grows by MARKS, which stand around a picture's
    token. UserError for other models.
    """
    import torch
    from transformers import AddedToken, Idefics3Config, Idefics3ForConditionalGeneration, Idefics3VisionConfig, set_seed

    if load.can_see(name):
        raise cli.UserError(f"{name} is a vision model: give a text model")
    text, tokenizer = load.load_base(name, torch.float32)
    if getattr(getattr(text, "model", None), "embed_tokens", None) is None:
        raise cli.UserError(f"{name} is built otherwise than Llama and Qwen: eyes cannot be put before it")
    tokenizer.add_special_tokens({"additional_special_tokens": [AddedToken(mark, special=True) for mark in MARKS]})
    set_seed(seed)
    with cli.quiet():
        text.resize_token_embeddings(max(len(tokenizer), text.config.vocab_size), mean_resizing=True)
    vision = Idefics3VisionConfig(
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        image_size=SIDE,
        patch_size=SIDE // GRID,
    )
    config = Idefics3Config(
        vision_config=vision,
        text_config=text.config,
        scale_factor=GRID,
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        tie_word_embeddings=text.config.tie_word_embeddings,
    )
    model = Idefics3ForConditionalGeneration(config)
    model.model.text_model.load_state_dict(text.model.state_dict())
    model.lm_head.weight = model.model.text_model.embed_tokens.weight if config.tie_word_embeddings else text.lm_head.weight
    model.set_attn_implementation({"vision_config": "eager"})  # for 64 patches on a CPU half of the time of sdpa, backward
    model.generation_config = text.generation_config
    length = model.get_input_embeddings().weight.norm(dim=1).mean()
    with torch.no_grad():
        connector = model.model.connector.modality_projection.proj.weight
        connector.normal_(std=QUIET * float(length) / connector.numel() ** 0.5)  # its input has one square unit a number
    return model, processor_of(tokenizer)


def processor_of(tokenizer):
    """The processor that goes with `give`: pictures of any size are squeezed to SIDE x SIDE pixels."""
    from transformers import Idefics3ImageProcessorPil, Idefics3Processor

    size = {"longest_edge": SIDE}
    contrast = {"image_mean": [PAPER] * 3, "image_std": [INK] * 3}
    images = Idefics3ImageProcessorPil(do_resize=False, do_image_splitting=False, size=size, max_image_size=size, **contrast)
    tokenizer.chat_template = TEMPLATE
    return Idefics3Processor(images, tokenizer, image_seq_len=1, chat_template=TEMPLATE)


def state_of(model):
    """{name: tensor} of what `give` added before the text model: tower and connector."""
    return {name: weight for name, weight in model.model.state_dict().items() if name.startswith(("vision_model.", "connector."))}


def put(model, state, path):
    """Load a tower's weights into a model of `give`, in place; UserError, which names path, where they do not fit.

    state: {name: tensor}, as state_of gives it.
    """
    shapes, wanted = ({name: weight.shape for name, weight in one.items()} for one in (state, state_of(model)))
    if shapes != wanted:
        raise cli.UserError(f"{path} is no tower of this model: it was made for another text model, or by another version")
    model.model.load_state_dict(state, strict=False)
