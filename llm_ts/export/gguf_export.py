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


def full_of(folder, metadata):
    """A saved model as a .gguf in f16, which is made once; all that llama.cpp quantises is quantised from it."""
    full = os.path.join(os.path.dirname(folder), "full.gguf")
    if not os.path.exists(full):
        gguf_file.convert("convert_hf_to_gguf.py", folder, "--outfile", full, "--outtype", "f16", "--metadata", metadata)
    return full


def convert_model(folder, metadata, quant, outfile):
    """A saved model as a .gguf of a type."""
    if quant.lower() in gguf_file.CONVERTER_TYPES:
        flags = ("--outfile", outfile, "--outtype", quant.lower(), "--metadata", metadata)
        gguf_file.convert("convert_hf_to_gguf.py", folder, *flags)
    else:
        gguf_file.quantise(full_of(folder, metadata), outfile, gguf_file.quantiser_type(quant))
