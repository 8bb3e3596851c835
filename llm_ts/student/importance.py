"""llama.cpp's importance matrix: which weights matter for a student's own questions, from fresh training series.

llama-imatrix reads texts as the student does and adds up how large the inputs of each matrix are; a type of few bits rounds
best what matters most.
"""

import subprocess

from llm_ts import cli, paths
from llm_ts.pairs import fresh, pair
from llm_ts.student import chat, origin

PROMPTS = 64  # with their answers
CONTEXT = 512  # tokens that llama-imatrix reads at once
POINTS = (48,)  # of the series, where nothing says how long those of the training were


def text_of(tokenizer, learnt):
    """Training prompts as the student is asked, each with the truth in the template, one after another. learnt: its Origin.

    A student that learnt other words says these of the same things: the matrix knows of its reading, less of its saying.
    """
    points = learnt.points or POINTS
    stages = [(min(points), max(points), PROMPTS)]
    asked = origin.question_of(learnt)
    rows = fresh.pairs("train", stages, learnt.format or "study", question=asked, processes=learnt.series_of)
    after = chat.after_of(tokenizer, tokenizer.name_or_path)
    prompts = chat.prompts_of(tokenizer, [pair.asked_with(row) for row in rows])
    return "".join(prompt + pair.answer_of(row) + after for prompt, row in zip(prompts, rows))


def make(full, text, outfile):
    """Compute the matrix of a .gguf file in f16 from a file of text. UserError where llama-imatrix fails."""
    command = [paths.llama_program("llama-imatrix"), "-m", full, "-f", text, "-o", outfile, "-c", str(CONTEXT)]
    done = subprocess.run([*command, "--parse-special", "--no-ppl"], capture_output=True, text=True, errors="replace")
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line.lower() or " E " in line] or ["no output"]
        raise cli.UserError(f"llama-imatrix failed: {cli.visible(lines[-1])[:300]}")
