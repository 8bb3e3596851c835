"""What a teacher's answers will cost, and what they cost."""

import argparse
import re
from dataclasses import dataclass

from llm_ts import question
from llm_ts.teacher.exchange import plot_of

PATCH = 16  # pixels of a picture's side for each token; newer models take fewer tokens
FOR_A_TOPIC = 45  # tokens of a sentence with its labels in JSON


@dataclass(frozen=True)
class Price:
    """The price of a million tokens, in any currency."""

    prompt: float = 0.0
    completion: float = 0.0

    def of(self, tokens):
        """What {"prompt", "completion"} tokens cost."""
        return (self.prompt * tokens["prompt"] + self.completion * tokens["completion"]) / 1e6


def price(text):
    """argparse type: "0.4,2" -> Price(0.4, 2.0)."""
    if re.fullmatch(r"\s*0,0*[1-9]\d*\s*", text):  # 0,4
        said = text.strip().replace(",", ".")
        raise argparse.ArgumentTypeError(f"{text!r} is 0 and {said[2:]}, or one price of {said}? Write 0.0,{said[2:]} or {said},{said}")
    try:
        prompt, completion = map(float, text.split(","))
    except ValueError:  # no numbers, or not two of them
        prompt = completion = -1.0
    if not (0 <= prompt < float("inf") and 0 <= completion < float("inf")):
        raise argparse.ArgumentTypeError(f"{text!r} is not two prices of a million tokens, IN,OUT, such as 0.4,2")
    return Price(prompt, completion)


def estimate(row, settings):
    """{"prompt", "completion"}: about how many tokens a question takes, counted without the model's own tokenizer.

    A word, a digit, a mark and a space before a digit are a token each, and a tenth more. An answer without thinking.
    """
    asked = question.of(row, row["id"])
    text = settings.words.fill(asked, row["series"], settings.image)
    prompt = 1.1 * len(re.findall(r"[^\W\d]+|\d|[^\w\s]| (?=\d)", text))
    if settings.image:
        from PIL import Image

        with Image.open(plot_of(row, settings.dataset)) as picture:
            width, height = picture.size
        prompt += (width // PATCH + 1) * (height // PATCH + 1)
    return {"prompt": round(prompt), "completion": FOR_A_TOPIC * len(asked.topics)}
