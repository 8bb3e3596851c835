"""Teach a vision tower what a plot says, without the text model: a question's claims, read from the token that it makes.

The token of a picture is multiplied with the text model's own embeddings of the labels' words; the loss is the cross-entropy
of each claim's labels. So what the tower says is words that the text model can read, and no head is thrown away afterwards.
Some 100 plots a second on 2 cores, where the text model reads six.
"""

import torch
from torch import nn
from torch.utils.data import Dataset

from llm_ts.data import pair

SPELT = (str, str.title, str.upper)  # two claims with the same label speak of it in different spellings


def words_of(question):
    """The word of each label of each claim, in order: {"max": " beginning", ..., "min": " Beginning", ...} flattened."""
    words, said = [], []
    for labels in question.labels.values():
        words += [" " + SPELT[said.count(label)](label) for label in labels]
        said += labels
    return words


class Tower(nn.Module):
    """Vision model and connector of an Idefics3 model, with the words of a question's labels."""

    def __init__(self, model, tokenizer, question):
        super().__init__()
        self.vision_model, self.connector = model.model.vision_model, model.model.connector
        embeddings = model.get_input_embeddings().weight.detach().float()
        self.sizes = [len(labels) for labels in question.labels.values()]
        ids = [tokenizer(word, add_special_tokens=False)["input_ids"] for word in words_of(question)]
        self.register_buffer("words", torch.stack([embeddings[i].mean(dim=0) for i in ids]), persistent=False)

    def forward(self, pixel_values, labels=None):
        """pixel_values: (plots, 3, side, side); labels: (plots, claims), numbers of labels -> loss and logits.

        logits: (plots, labels of all claims together).
        """
        tokens = self.connector(self.vision_model(pixel_values=pixel_values).last_hidden_state).float()
        logits = tokens.sum(dim=1) @ self.words.t()
        out = {"logits": logits}
        if labels is not None:
            parts = zip(logits.split(self.sizes, dim=1), labels.unbind(dim=1))
            out["loss"] = sum(nn.functional.cross_entropy(part, wanted) for part, wanted in parts)
        return out

    def read(self, pixel_values):
        """The likeliest label of each claim, (plots, claims), as numbers."""
        parts = self(pixel_values)["logits"].split(self.sizes, dim=1)
        return torch.stack([part.argmax(dim=1) for part in parts], dim=1)


class Plots(Dataset):
    """Rows (fresh.Rows, or a list) as what the tower takes: pixel values and the numbers of the true labels."""

    def __init__(self, rows, question, processor):
        self.rows, self.question, self.images = rows, question, processor.image_processor

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, number):
        row = self.rows[number]
        pixels = self.images([[pair.picture_of(row)]], return_tensors="pt")["pixel_values"][0, 0]
        labels = [known.index(row["truth"][claim]) for claim, known in self.question.labels.items()]
        return {"pixel_values": pixels, "labels": torch.tensor(labels)}
