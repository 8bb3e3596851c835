"""A whole model in memory -> a GGUF file that knows how its series are written, by llama.cpp's converters."""

import os

from llm_ts import records
from llm_ts.student import gguf_file, run_folder


def export(model, processor, quant, learnt, outfile, work):
    """Save, convert and quantise a whole model; outfile appears whole or not at all, after the eyes of one that sees."""
    folder = os.path.join(work, "model")
    gguf_file.save_config(model, processor, folder)
    model.save_pretrained(folder)
    if learnt.see != "numbers":
        with records.atomic(gguf_file.projector_of(outfile)) as temporary:
            gguf_file.convert("convert_hf_to_gguf.py", folder, "--mmproj", "--outfile", temporary, "--outtype", "f16")
    metadata = os.path.join(work, "metadata.json")
    about = {"general.description": learnt.mark} if learnt.format else {}
    records.write_json(metadata, {"general.name": run_folder.name_of(model.name_or_path), **about})
    direct = quant.lower() in gguf_file.CONVERTER_TYPES
    with records.atomic(outfile) as temporary:
        full = temporary if direct else os.path.join(work, "full.gguf")
        outtype = quant.lower() if direct else "f16"
        gguf_file.convert("convert_hf_to_gguf.py", folder, "--outfile", full, "--outtype", outtype, "--metadata", metadata)
        if not direct:
            gguf_file.quantise(full, temporary, gguf_file.quantiser_type(quant))
