"""A model is tried before hours are spent on it: one answer, one loss, and llama.cpp's converters on the empty adapter."""

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor

from llm_ts.base import cli, paths
from llm_ts.data import pair
from llm_ts.student.student import Student


def run(trainer, processor, rows, gguf=True):
    """UserError in one line where a model cannot be asked, trained or exported. trainer: of sft.make, before it trains.

    rows: training pairs. gguf: whether the converters are tried too; where there are none, it is said.
    """
    try:
        _ask_and_learn(trainer, processor, rows[0])
    except cli.UserError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise cli.UserError(f"this model cannot be asked or trained here ({reason}): give another --model") from None
    if not gguf:
        return
    try:
        paths.llama_cpp()
    except cli.UserError as error:
        print(f"note: whether the student can be exported is not tried: {error}", flush=True)
        return
    try:
        _convert(trainer, processor)
    except cli.UserError as error:
        raise cli.UserError(f"the student could not be exported to GGUF: {error} (--no-gguf trains it all the same)") from None


def _ask_and_learn(trainer, processor, row):
    import torch

    embeddings = trainer.model.get_input_embeddings().weight
    lesson = trainer.data_collator([trainer.train_dataset[0]])
    most = int(lesson["input_ids"].max())
    if most >= len(embeddings):
        raise cli.UserError(
            f"the tokenizer has a token {most}, and the model {len(embeddings)} embeddings: they do not belong together"
        )
    Student.around(trainer.model, processor).ask([pair.asked_with(row)], 2)
    with torch.no_grad():
        trainer.compute_loss(trainer.model, trainer._prepare_inputs(lesson))


def _convert(trainer, processor):
    from llm_ts.gguf import gguf_file

    model = trainer.model
    with tempfile.TemporaryDirectory() as work:
        folder, adapter = os.path.join(work, "config"), os.path.join(work, "adapter")
        adapted = hasattr(model, "get_base_model")
        gguf_file.save_config(model.get_base_model() if adapted else model, processor, folder)
        jobs = [("convert_hf_to_gguf.py", folder, "--vocab-only", "--outfile", os.path.join(work, "words.gguf"))]
        if adapted:
            with cli.quiet():
                model.save_pretrained(adapter)
            jobs.append(("convert_lora_to_gguf.py", adapter, "--base", folder, "--outfile", os.path.join(work, "lora.gguf")))
        with ThreadPoolExecutor(len(jobs)) as pool:
            for done in [pool.submit(gguf_file.convert, *job) for job in jobs]:
                done.result()
