"""Students that see: pictures in, the answers and losses of Transformers' own ways out, stages 5 to 8 at toy size.

Tiny random models of SmolVLM's and Qwen2.5-VL's architectures with real processors, built here; no hub.
Needs: models/ (python fetch.py smollm2 minilm). Run: python -m pytest -q tests/test_sight.py
"""

import json
import os
import time

import numpy as np
import pytest
from conftest import run_script

from llm_ts import cli, question
from llm_ts.pairs import fresh, pair
from llm_ts.question import STUDY
from llm_ts.series import picture, plot
from llm_ts.series import rows as series_rows
from llm_ts.student import answer, load, train

EYES = ("tiny_eyes", "tiny_qwen_vl")


@pytest.fixture(scope="module")
def shown():
    """Pairs of short series, of two lengths, that show a plot."""
    rows = fresh.pairs("train", [(24, 24, 4), (40, 40, 4)], "thirds")
    return {see: [pair.show(row, see) for row in rows] for see in ("image", "both")}


def test_a_picture_is_what_dataset_holds(tmp_path):
    row = series_rows.make(5, [3], 64)[0][0]
    plot.Plotter(64).save(row["series"], str(tmp_path / "a.png"))
    read, notes = picture.read(str(tmp_path / "a.png"))
    assert notes == [] and read.size == (640, 360)
    assert np.array_equal(np.asarray(read), np.asarray(plot.picture(row["series"]).quantize(64).convert("RGB")))


def test_drawing_is_at_least_five_times_as_quick_as_a_pyplot_figure():
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = series_rows.make(5, range(40), 128)[0]
    plot.picture(rows[0]["series"])
    start = time.perf_counter()
    for row in rows:
        plot.picture(row["series"])
    ours = (time.perf_counter() - start) / 40
    start = time.perf_counter()
    for row in rows[:5]:
        figure = pyplot.figure(figsize=(6.4, 3.6))
        pyplot.plot(row["series"])
        figure.canvas.draw()
        pyplot.close(figure)
    assert ours * 5 < (time.perf_counter() - start) / 5


def test_what_is_said_of_a_picture():
    assert STUDY.prompt_of([0] * 40, "study", "image").endswith("\nSeries: a plot of 40 points.")
    assert STUDY.prompt_of([0, 99], "study", "both").endswith("\nSeries: [00, 99]\nThe same as a plot of 2 points.")
    assert STUDY.prompt_of([0, 99], "study", "numbers") == STUDY.prompt_of([0, 99], "study")


@pytest.mark.parametrize("see", ["image", "both"])
@pytest.mark.parametrize("name", EYES)
def test_answers_equal_those_of_transformers(request, shown, name, see):
    """Beginnings read once, drafts, batches of unequal prompts: against Transformers' own greedy search, one by one."""
    import torch

    model, processor = load.load(request.getfixturevalue(name), torch.float32, see=see)
    prompts = [pair.asked_with(row) for row in shown[see]]
    expected = []
    for prompt in prompts:
        text = processor.apply_chat_template(question.messages_of(prompt), add_generation_prompt=True)
        taken = processor(text=[text], images=[[prompt.picture()]], return_tensors="pt", add_special_tokens=False)
        said = model.generate(**taken, max_new_tokens=12, do_sample=False)[0, taken["input_ids"].shape[1] :]
        expected.append(processor.tokenizer.decode(said, skip_special_tokens=True).strip())
    drafts = answer.Drafts()
    for _ in range(2):  # the second time with drafts, all of them right
        assert answer.generate(model, processor, prompts, 3, 12, drafts=drafts) == expected
    assert len(set(expected)) > 1 or name == "tiny_eyes"


@pytest.mark.parametrize("name", EYES)
def test_another_picture_is_seen(request, shown, name):
    import torch

    model, processor = load.load(request.getfixturevalue(name), torch.float32, see="image")
    logits = []
    for row in shown["image"][:2]:
        prompt = pair.asked_with(row)
        text = processor.apply_chat_template(question.messages_of(prompt), add_generation_prompt=True)
        with torch.no_grad():
            logits.append(model(**processor(text=[text], images=[[prompt.picture()]], return_tensors="pt")).logits[0, -1])
    assert not torch.allclose(*logits, rtol=0, atol=1e-5)


@pytest.mark.parametrize("see", ["image", "both"])
@pytest.mark.parametrize("name", EYES)
def test_the_loss_is_that_of_the_answer_alone(request, shown, tmp_path, name, see):
    """The loss and its gradients against those from whole logits, for a batch of unequal prompts; no image token is cut off."""
    import torch

    model, processor = load.load(request.getfixturevalue(name), torch.float32, see=see)
    recipe = train.Recipe(epochs=1, batch_size=6, rank=2, alpha=4, dtype="fp32", in_order=True)
    made = train.make(recipe, str(tmp_path), model, processor, shown[see], [])
    for name, weight in made.model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight.data, std=0.1)
    batch = next(iter(made.get_train_dataloader()))
    tokenizer = processor.tokenizer
    for ids, labels, row in zip(batch["input_ids"], batch["labels"], shown[see]):
        said = tokenizer.decode(labels[labels != -100])
        assert said.strip().removesuffix("<|im_end|>") == row["answer"]
        whole = processor(
            text=[processor.apply_chat_template(question.messages_of(pair.asked_with(row)), add_generation_prompt=True)],
            images=[[pair.picture_of(row)]],
        )
        images = [list(part).count(processor.image_token_id) for part in (ids.tolist(), whole["input_ids"][0])]
        assert images[0] == images[1] > 1
    gradients = []
    for quick in (True, False):
        made.model.zero_grad()
        if quick:
            loss = made.compute_loss(made.model, dict(batch))
        else:
            inputs = {name: value for name, value in batch.items() if name != "labels"}
            logits = made.model(**inputs).logits
            picked = logits.log_softmax(-1)[:, :-1].gather(2, batch["labels"][:, 1:].clamp(min=0)[..., None])[..., 0]
            loss = -picked[batch["labels"][:, 1:] != -100].mean()
        loss.backward()
        found = {name: p.grad.clone() for name, p in made.model.named_parameters() if p.grad is not None}
        gradients.append((float(loss), found))
    assert gradients[0][0] == pytest.approx(gradients[1][0], rel=1e-4)
    assert gradients[0][1].keys() == gradients[1][1].keys()
    for name, plain in gradients[1][1].items():
        assert torch.allclose(gradients[0][1][name], plain, rtol=1e-2, atol=1e-5), name


@pytest.mark.parametrize("name", EYES)
def test_a_frozen_tower_has_no_adapter(request, shown, tmp_path, name):
    import torch

    names = {}
    for tower in ("lora", "frozen"):
        model, processor = load.load(request.getfixturevalue(name), torch.float32, see="image")
        recipe = train.Recipe(rank=2, alpha=4, dtype="fp32", tower=tower)
        made = train.make(recipe, str(tmp_path), model, processor, shown["image"], [])
        names[tower] = {name for name, weight in made.model.named_parameters() if weight.requires_grad}
    assert any("vis" in name for name in names["lora"]) and not any("vis" in name for name in names["frozen"])
    assert 0 < len(names["frozen"]) < len(names["lora"])


def test_who_cannot_see_is_not_shown_pictures_and_the_other_way_round(tiny_model, tiny_eyes):
    import torch

    with pytest.raises(cli.UserError, match="takes no pictures"):
        load.load(tiny_model, torch.float32, see="image")
    with pytest.raises(cli.UserError, match="is a vision model"):
        load.load(tiny_eyes, torch.float32)
