"""Training speed, measured by bench.py: one way of training in a process of its
own, so that its peak memory is its own. On the GPU, where there is one.

Reads: models/SmolLM2-135M-Instruct.Q4_1.gguf (python fetch.py smollm2).
Writes: nothing; prints one line of JSON.
Run: python -m experiments.bench_training --way ours --points 128 --steps 3

Ways: `trl` is SFTTrainer as SFTConfig's defaults have it, but for max_length
(the default would cut long prompts) and the order of the rows, on the model as
Transformers loads it; `ours` is what qwen_train.py uses. Both see the same
rows in the same order, LoRA of rank 16 on all linear layers, batches of 8;
tokens are those of prompt and answer without padding. The first step warms up
and is not counted. The operations a second count what is computed: the
beginning that all prompts share counts once where it is read once.
"""

import json
import resource
import tempfile
import time

from llm_ts import cli, paths
from llm_ts.pairs import fresh
from llm_ts.student import device, load, train

# layers, width, heads, key heads, inner width of Qwen2.5's models (their config.json)
SHAPES = {"qwen2.5-0.5b": (24, 896, 14, 2, 4864), "qwen2.5-1.5b": (28, 1536, 12, 2, 8960)}


def model_of(args, dtype, plain):
    """(model, tokenizer): SmolLM2, as Transformers loads it where plain; or random weights of a shape."""
    import torch

    model, tokenizer = (load.load_base if plain else load.load)(paths.fetched("smollm2"), dtype)
    if args.shape:
        from transformers import AutoModelForCausalLM, Qwen2Config

        from llm_ts.student import cpu_attention

        layers, width, heads, key_heads, inner = SHAPES[args.shape]
        config = Qwen2Config(
            vocab_size=151936,
            num_hidden_layers=layers,
            hidden_size=width,
            num_attention_heads=heads,
            num_key_value_heads=key_heads,
            intermediate_size=inner,
            tie_word_embeddings=True,
        )
        torch.manual_seed(0)
        with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
            model = AutoModelForCausalLM.from_config(config, dtype=dtype)
        if not plain:
            cpu_attention.prepare(model)
    return model, tokenizer


def trl_trainer(folder, model, tokenizer, rows, lora, batch):
    """TRL's trainer with its defaults."""
    import torch
    from trl import SFTConfig, SFTTrainer

    gpu = torch.cuda.is_available()
    config = SFTConfig(
        output_dir=folder,
        max_length=None,
        per_device_train_batch_size=batch,
        train_sampling_strategy="sequential",
        report_to="none",
        use_cpu=not gpu,
        dataloader_pin_memory=gpu,
    )
    data = train.conversations(rows)
    return SFTTrainer(model=model, args=config, train_dataset=data, processing_class=tokenizer, peft_config=lora)


def our_trainer(folder, model, tokenizer, rows, batch, dtype):
    """The trainer of qwen_train.py with its defaults."""
    recipe = train.Recipe(epochs=1, batch_size=batch, dtype=dtype, save_steps=10**6, logging_steps=10**6, in_order=True)
    return train.make(recipe, folder, model, tokenizer, rows, [])


def flops_per_token(model, points_tokens):
    """Floating-point operations a token of a LoRA step: forward and the gradient of the activations, 2 each a weight.

    Embeddings are looked up, and the LM head is needed for the answer alone: neither is counted. Attention is, at
    4 operations a pair of positions and hidden unit, three times over (forward, and twice in the gradient), half of it
    masked. points_tokens: mean tokens of a row.
    """
    weights = sum(p.numel() for name, p in model.named_parameters() if p.dim() == 2 and "layers" in name)
    attention = 3 * 4 * model.config.num_hidden_layers * model.config.hidden_size * points_tokens / 2
    return 4 * weights + attention


def read_once(inputs):
    """Tokens of a batch that quick_training.py does not compute again: the shared beginning of all rows but one."""
    from llm_ts.student import quick_training

    answer = int((inputs["labels"] != -100).any(dim=0).nonzero()[0])
    return (len(inputs["input_ids"]) - 1) * quick_training.common_prefix(inputs["input_ids"][:, :answer])


def peak_memory():
    """MiB at most so far: of the GPU where there is one, else of this process."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def synchronised():
    """time.perf_counter() once the GPU has done all that it was given."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--way", choices=("trl", "ours"), required=True, help="Which trainer.")
    parser.add_argument("--points", type=cli.positive, default=128, help="Points of each series.")
    parser.add_argument("--steps", type=cli.positive, default=3, help="Steps that count.")
    parser.add_argument("--batch", type=cli.positive, default=8, help="Series of a step.")
    parser.add_argument("--shape", choices=SHAPES, help="Random weights of this model's shape; default: SmolLM2.")
    parser.add_argument("--dtype", choices=("auto", "bf16", "fp32"), default="auto", help="Of our way, as qwen_train.py has it.")
    args = parser.parse_args(argv)
    paths.fetched("smollm2")
    import torch
    from peft import LoraConfig

    rows = fresh.pairs("train", [(args.points, args.points, args.batch * (args.steps + 1))], "thirds")
    with tempfile.TemporaryDirectory() as folder:
        if args.way == "ours":
            made = our_trainer(folder, *model_of(args, device.dtype(args.dtype), False), rows, args.batch, args.dtype)
        else:
            lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
            made = trl_trainer(folder, *model_of(args, torch.float32, True), rows, lora, args.batch)
        seconds, tokens, flops = 0.0, 0, 0.0
        made.create_optimizer()
        for number, inputs in enumerate(made.get_train_dataloader()):
            count = int(inputs["attention_mask"].sum())
            computed = count - read_once(inputs) if args.way == "ours" else count
            answers = (inputs["labels"] != -100).sum()
            start = synchronised()
            made.training_step(made.model, inputs, num_items_in_batch=answers)
            made.optimizer.step()
            made.optimizer.zero_grad()
            if number:
                seconds, tokens = seconds + synchronised() - start, tokens + count
                flops += computed * flops_per_token(made.model, count / args.batch)
    speeds = {"tokens_per_second": tokens / seconds, "flops_per_second": flops / seconds}
    print(json.dumps({**speeds, "peak_mib": peak_memory(), "tokens": tokens}))


if __name__ == "__main__":
    cli.run(main)
