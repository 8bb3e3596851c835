"""Speed of evaluation, measured by bench.py: one way of asking in a process of
its own, so that its peak memory is its own.

Reads: models/SmolLM2-135M-Instruct.Q4_1.gguf (python fetch.py smollm2),
trained/. Writes: nothing; prints one line of JSON.
Run: python -m experiments.bench_evaluation --way ours --points 128 --count 64

Ways: `plain` is one generate a sample with what comes with Transformers and
PEFT; `ours` is what evaluations use. Both ask the shipped adapter the same
questions in the dtype that is quicker here, in the same order. The first
answer warms up and is asked again.
"""

import json
import resource
import time

from llm_ts import cli, paths, question
from llm_ts.pairs import fresh, pair
from llm_ts.student import answer, device, load


def plain_way():
    """prompts -> answers, each by a generate of its own."""
    from peft import PeftModel

    base, tokenizer = load.load_base(paths.fetched("smollm2"), device.dtype())
    model = PeftModel.from_pretrained(base, paths.SHIPPED).eval()

    def ask(prompts):
        answers = []
        for prompt in prompts:
            chat = tokenizer.apply_chat_template(
                question.messages_of(prompt), add_generation_prompt=True, return_tensors="pt", return_dict=True
            )
            out = model.generate(**chat, max_new_tokens=64, do_sample=False, pad_token_id=tokenizer.pad_token_id)
            answers.append(tokenizer.decode(out[0, chat["input_ids"].shape[1] :], skip_special_tokens=True))
        return answers

    return ask


def our_way():
    """prompts -> answers, as evaluations ask for them."""
    model, tokenizer = load.load(paths.SHIPPED, device.dtype())
    return lambda prompts: answer.generate(model, tokenizer, prompts, max_new_tokens=64)


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--way", choices=("plain", "ours"), required=True, help="How the student is asked.")
    parser.add_argument("--points", type=cli.positive, default=128, help="Points of each series.")
    parser.add_argument("--count", type=cli.positive, default=64, help="Series.")
    args = parser.parse_args(argv)
    paths.fetched("smollm2")
    prompts = [pair.prompt_of(row) for row in fresh.pairs("validation", [(args.points, args.points, args.count)], "thirds")]
    ask = plain_way() if args.way == "plain" else our_way()
    ask(prompts[:1])
    start = time.perf_counter()
    answers = ask(prompts)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds_per_answer": seconds / len(answers), "peak_mib": peak, "answers": answers}))


if __name__ == "__main__":
    cli.run(main)
