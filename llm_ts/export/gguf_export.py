"""A whole model in memory -> a GGUF file that knows how its series are written, by llama.cpp's converters."""

import os

from llm_ts.base import disk
from llm_ts.gguf import gguf_file
from llm_ts.student import load


def write_model(model, processor, learnt, work):
    """Save a whole model for the converters; returns the files that they need: (folder, metadata)."""
    folder, metadata = os.path.join(work, "model"), os.path.join(work, "metadata.json")
    gguf_file.save_config(model, processor, folder)
    model.save_pretrained(folder)
    about = {"general.description": learnt.mark} if learnt else {}
    disk.write_json(metadata, {"general.name": load.name_of(model.name_or_path), **about})
    return folder, metadata


def convert_model(folder, metadata, quant, outfile):
    """A saved model as a .gguf of a type. What llama.cpp quantises is quantised from one in f16, which is made once."""
    written = quant.lower() in gguf_file.CONVERTER_TYPES
    made = outfile if written else os.path.join(os.path.dirname(folder), "full.gguf")
    if written or not os.path.exists(made):
        kind = quant.lower() if written else "f16"
        gguf_file.convert("convert_hf_to_gguf.py", folder, "--outfile", made, "--outtype", kind, "--metadata", metadata)
    if not written:
        gguf_file.quantise(made, outfile, gguf_file.quantiser_type(quant))
