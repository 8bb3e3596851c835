"""The prompts for the teacher, and the labels beside its sentences.

For other words, add a Prompt to PROMPTS and the hash of its text to tests/test_prompts.py. Every answer keeps its name and
version. If you change its text, TEXT, or a topic's ASKED_OF_TEACHER, raise its version.
"""

from dataclasses import dataclass

WITH_PLOT = "The plot shows a time series of {n} points; its values are rescaled to 0..99. The same values as numbers:"
WITHOUT_PLOT = "A time series of {n} points, its values rescaled to 0..99:"
TEXT = """\
{about}
{numbers}

Describe it in {count} of plain, varied English, 6 to 16 words each, without numbers:
{lines}
Beside each sentence stands the label of what it says, one of those given. Sentence and label must agree.
"""
ANSWER = "Answer only with JSON: {form}"


@dataclass(frozen=True)
class Prompt:
    """The words of a question to the teacher; labelled: whether it says the label of each claim too."""

    name: str
    version: int
    text: str
    labelled: bool = False

    @property
    def tag(self):
        """What an answer keeps of it."""
        return {"prompt": self.name, "prompt_version": self.version}

    def fill(self, asked, series, plot=True):
        """The text for a question (question.Question) about n integers 0..99; plot: whether the teacher sees one too."""
        n = len(series)
        last = {"last_beginning": -(-n // 3) - 1, "last_middle": -(-2 * n // 3) - 1}
        return self.text.format(
            about=(WITH_PLOT if plot else WITHOUT_PLOT).format(n=n),
            numbers=", ".join(map(str, series)),
            count=asked.count("short sentence"),
            sentences=asked.count("sentence"),
            what=asked.what,
            lines="\n".join(f"- {topic.NAME}: {topic.ASKED_OF_TEACHER.format(**last)}" for topic in asked),
            form="{" + ", ".join(f'"{key}": "{" | ".join(labels) or "..."}"' for key, labels in self.keys(asked).items()) + "}",
        )

    def keys(self, asked):
        """{key of the answer: the labels that it may have, or () for a sentence}; a label comes after its sentence."""
        keys = {}
        for topic in asked:
            keys[topic.NAME] = ()
            if self.labelled:
                keys |= {f"{claim}_label": labels for claim, labels in topic.LABELS.items()}
        return keys

    def schema(self, asked):
        """The JSON schema of an answer."""
        schema = asked.schema
        texts = {
            key: {"type": "string", "enum": list(labels)} if labels else schema["properties"][key]
            for key, labels in self.keys(asked).items()
        }
        return {**schema, "properties": texts, "required": list(texts)}

    def labels(self, asked, answer):
        """{claim: label} as the teacher said them beside its sentences; a claim without one of its labels is left out."""
        said = {claim: str(answer.keys.get(f"{claim}_label")).strip(" .").lower() for claim in asked.claims if self.labelled}
        return {claim: label for claim, label in said.items() if label in asked.labels[claim]}


PROMPTS = {
    prompt.name: prompt
    for prompt in (
        Prompt("labels", 1, TEXT + ANSWER, labelled=True),
        # The original study's words as far as they are known: the first sentence. The rest is ours.
        Prompt("study", 1, "/think Describe the time series in {sentences}. Say {what}.\n\n{about}\n{numbers}\n\n" + ANSWER),
    )
}
DEFAULT = "labels"
