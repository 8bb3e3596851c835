"""TRL's trainer, made quick: the same loss and gradients, up to rounding, in fewer passes over memory (results/LOG.md).

On a CPU, TRL 1.16 projects every position through the LM head: 2,300 positions by 49,152 words a batch of 8 where
the answers need 340. Here the tokens that all prompts of a batch begin with (system message and instruction, a third of a
short row) are read once for all of them: causal attention makes them the same in every row, and the gradient flows back
through the shared keys and values. Only what predicts an answer's token meets the LM head, a slice at a time. Base and
adapter are one product, x (W + s B A)^T.
"""

import contextlib

import torch
from peft.tuners import lora
from torch.nn import functional
from trl import SFTTrainer

from llm_ts.base import torchrun
from llm_ts.fast.cpu_attention import has_plain_cache

SLICE = 48  # positions that meet the LM head together on a CPU: their logits stay in the processor's cache
LOGITS_ON_GPU = 2**28  # numbers, 1 GB in fp32: positions times words that meet there together


class _AdaptedLinear(torch.autograd.Function):
    """y = x (W + s B A)^T + bias in one product; the gradients are LoRA's own, of x, A and B (Hu et al. 2021, section 4.1)."""

    @staticmethod
    def forward(ctx, x, merged, bias, a, b, scale):
        ctx.save_for_backward(x, merged, a, b)
        ctx.scale = scale
        return functional.linear(x, merged, bias)

    @staticmethod
    def backward(ctx, dy):
        x, merged, a, b = ctx.saved_tensors
        flat_dy, flat_x = dy.reshape(-1, dy.shape[-1]), x.reshape(-1, x.shape[-1])
        dx = (flat_dy @ merged).view_as(x) if ctx.needs_input_grad[0] else None
        da = (flat_dy @ b.to(x.dtype)).t() @ flat_x
        db = flat_dy.t() @ (flat_x @ a.to(x.dtype).t())
        return dx, None, None, da.to(a.dtype) * ctx.scale, db.to(b.dtype) * ctx.scale, None


def _is_plain(layer):
    """Whether a module is plain LoRA, as sft.py makes it: one adapter, no dropout, no bias, no variant such as DoRA."""
    if not isinstance(layer, lora.Linear) or len(layer.active_adapters) != 1 or layer.fan_in_fan_out:
        return False
    name = layer.active_adapters[0]
    dropout, bias = layer.lora_dropout[name], layer.lora_B[name].bias
    return isinstance(dropout, torch.nn.Identity) and bias is None and name not in layer.lora_variant


@contextlib.contextmanager
def one_product(model):
    """Inside, each plain LoRA layer multiplies once, by the sum of its base and its adapter as they stand at the beginning.

    The sum, in the base's dtype, takes the memory of another base until the gradients are found.
    """
    layers = [layer for layer in model.modules() if _is_plain(layer)]
    for layer in layers:
        name = layer.active_adapters[0]
        base, a, b, scale = layer.base_layer, layer.lora_A[name].weight, layer.lora_B[name].weight, layer.scaling[name]
        with torch.no_grad():
            merged = torch.addmm(base.weight, b.to(base.weight.dtype), a.to(base.weight.dtype), alpha=scale)
        fixed = (merged, base.bias, a, b, scale)
        layer.forward = lambda x, fixed=fixed: _AdaptedLinear.apply(x.to(fixed[0].dtype), *fixed)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward  # the class's own again


class _AnswerLoss(torch.autograd.Function):
    """Sum of the cross-entropies of n positions through an LM head without bias, a slice of positions at a time.

    hidden: (n, width); weight: (words, width); targets: (n,) ints. The gradients are found on the way forward, so that no
    slice's logits are kept or computed twice.
    """

    @staticmethod
    def forward(ctx, hidden, weight, targets):
        used = weight.to(hidden.dtype)
        d_hidden = torch.empty_like(hidden)
        d_weight = torch.zeros_like(weight) if ctx.needs_input_grad[1] else None
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        most = SLICE if hidden.device.type == "cpu" else max(SLICE, LOGITS_ON_GPU // len(weight))
        for start in range(0, len(targets), most):
            part, wanted = hidden[start : start + most], targets[start : start + most, None]
            logs = (part @ used.t()).float().log_softmax(dim=-1)
            total -= logs.gather(1, wanted).sum()
            d_logits = logs.exp_().scatter_add_(1, wanted, logs.new_full(wanted.shape, -1.0)).to(hidden.dtype)
            torch.mm(d_logits, used, out=d_hidden[start : start + most])
            if d_weight is not None:
                d_weight += d_logits.t() @ part
        ctx.save_for_backward(d_hidden, d_weight)
        return total

    @staticmethod
    def backward(ctx, d_total):
        return *(None if d is None else d * d_total.to(d.dtype) for d in ctx.saved_tensors), None


@contextlib.contextmanager
def headless(model):
    """Inside, the model gives the final hidden states where it else gives logits; yields the LM head, which has no bias."""
    head = model.get_output_embeddings()
    head.forward = lambda hidden: hidden
    try:
        yield head
    finally:
        del head.forward


class QuickTrainer(SFTTrainer):
    """SFTTrainer with a loss of its own, for LoRA and full fine-tuning, one process or several."""

    def __init__(self, model, **keywords):
        super().__init__(model=model, **keywords)
        plain_model = self.accelerator.unwrap_model(self.model)
        # whether its logits are a matrix product of its final hidden states and nothing more: else TRL's loss is taken
        head, config = plain_model.get_output_embeddings(), plain_model.config.get_text_config()
        capped = getattr(config, "final_logit_softcapping", None)
        self.quick = type(head) is torch.nn.Linear and head.bias is None and not capped
        self.shares = torchrun.count() == 1 and has_plain_cache(plain_model)

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """The mean cross-entropy of the answers' tokens; rows are padded on the right, so that no mask is needed."""
        ids, labels = inputs["input_ids"], inputs["labels"]
        pictures = {name: value for name, value in inputs.items() if name.startswith(("pixel_", "image_"))}
        # Qwen's vision models place a picture's tokens by row and column: TRL's own way
        if "image_grid_thw" in pictures or not self.quick:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

        # what all prompts begin with is read once, then the rest of each
        first = int((labels != -100).any(dim=0).nonzero()[0])  # column of an answer
        kept = labels.shape[1] - first + 1  # one more: a label is predicted one column before its own
        image = self.accelerator.unwrap_model(model).config.image_token_id if pictures else None
        shared = common_prefix(ids[:, :first], image) if self.shares else 0
        with one_product(model), headless(self.accelerator.unwrap_model(model)) as head:
            past = None
            if shared:
                past = model(ids[:1, :shared], use_cache=True, logits_to_keep=1).past_key_values
                past.batch_repeat_interleave(len(ids))
            keywords = {"past_key_values": past, "use_cache": past is not None, "logits_to_keep": kept}
            hidden = model(ids[:, shared:], **keywords, **pictures).logits

        # the answers' tokens meet the LM head
        wanted = labels[:, first:] != -100
        dtype = torch.bfloat16 if self.args.bf16 else head.weight.dtype  # Accelerate hands fp32 out of any model
        with torch.autocast(hidden.device.type, enabled=False):
            total = _AnswerLoss.apply(hidden[:, :-1][wanted].to(dtype), head.weight, labels[:, first:][wanted])
        loss = total / (wanted.sum() if num_items_in_batch is None else num_items_in_batch)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes  # DDP averages what was divided by all ranks' tokens
        return (loss, {}) if return_outputs else loss


def common_prefix(ids, image=None):
    """Number of leading columns that are equal in all rows, less one column, and before any picture; 0 for one row.

    ids: (rows, columns). image: the token that stands for a part of a picture.
    """
    if len(ids) == 1:
        return 0
    ends = (ids != ids[:1]).any(dim=0) | (ids[0] == image if image is not None else False)
    ends = ends.nonzero()
    return max(0, (int(ends[0]) if len(ends) else ids.shape[1]) - 1)
