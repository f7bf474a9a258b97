"""DPO on dialogue trees has the loss and the gradient that TRL has pair by pair."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from eva.data.dialogue import Dialogue, Preference, Turn
from eva.settings.dpo_section import Dpo, LossName

pytestmark = pytest.mark.slow

TARGETS = ["q_proj", "v_proj"]


@pytest.fixture(scope="module")
def one_dialogue() -> list[Preference]:
    """A pair at every turn of a dialogue, and one pair of another."""
    turns = []
    for day in range(5):
        turns.append(Turn("user", f"I feel tired of my job, this is day {day}."))
        turns.append(Turn("assistant", f"That sounds hard {day}. What happened?"))
    whole = Dialogue("long", "toy", 0, tuple(turns))
    pairs = [
        Preference(
            id=f"long-{turn}", dialogue_id="long", turn=turn, n_turns=5,
            history=tuple(whole.messages(2 * turn - 1)),
            chosen=f"It makes sense to be sad about day {turn}.", rejected=f"No {turn}. Go away from here.",
        )
        for turn in range(1, 6)
    ]  # fmt: skip
    other = ({"role": "user", "content": "My cat died."},)
    return [*pairs, Preference("short", "short", 1, 2, other, "I am so sorry for your loss.", "Buy one.")]


def _built(dpo: Dpo, pairs: list[Preference], tiny: Path, folder: Path) -> Any:
    """A trainer whose adapter is off zero by the same numbers whatever its kind; nothing is random."""
    from eva.training.dpo import plan
    from eva.training.dpo_trainer import build

    planned = plan(dpo, pairs, pairs[:1], tiny, TARGETS, 1)
    trainer = build(planned.job, folder)
    generator = torch.Generator().manual_seed(5)
    for name, parameter in trainer.model.named_parameters():
        if "lora_" in name:
            parameter.data = 0.05 * torch.randn(parameter.shape, generator=generator)
    trainer.model.eval()
    trainer.model.train = lambda *_: trainer.model  # dropout stays off
    trainer.current_gradient_accumulation_steps = 1
    return trainer


def _step(trainer: Any) -> tuple[float, dict[str, torch.Tensor]]:
    from eva.compat.trl_hooks import supervised_head

    trainer.model.zero_grad()
    batch = trainer.data_collator(list(trainer.train_dataset))
    with supervised_head():
        loss = trainer.training_step(trainer.model, batch)
    found = {n: p.grad.clone() for n, p in trainer.model.named_parameters() if p.grad is not None}
    return float(loss), found


@pytest.mark.parametrize(
    "losses", [{"sigmoid": 1.0}, {"ipo": 1.0}, {"sigmoid_norm": 1.0}, {"sigmoid": 1.0, "sft": 0.5}], ids=str
)
def test_loss_and_gradient_equal_trls(
    losses: Mapping[LossName, float], dpo: Dpo, one_dialogue: list[Preference], tiny: Path, tmp_path: Path
) -> None:
    settings = dpo.model_copy(update={"loss": losses, "batch_size": 6})
    pairwise = settings.model_copy(update={"trainer": "trl"})
    expected, gradients = _step(_built(pairwise, one_dialogue, tiny, tmp_path / "trl"))
    assert gradients and all(float(g.norm()) > 0 for g in gradients.values())
    for tokens in (100_000, 250):  # the second splits the dialogue among several passes
        trees = settings.model_copy(update={"tree_tokens": tokens})
        trainer = _built(trees, one_dialogue, tiny, tmp_path / f"trees-{tokens}")
        loss, found = _step(trainer)
        assert loss == pytest.approx(expected, rel=1e-5)
        assert found.keys() == gradients.keys()
        for name, wanted in gradients.items():
            assert float((found[name] - wanted).norm()) < 1e-5 * float(wanted.norm())
        groups = trainer._batch({"pairs": list(trainer.train_dataset)}).groups
        assert len(groups) == (1 if tokens == 100_000 else len(groups)) and (tokens > 250) == (
            len(groups) == 1
        )


def test_the_reference_is_the_start_model(
    dpo: Dpo, one_dialogue: list[Preference], tiny: Path, tmp_path: Path
) -> None:
    from eva.models.loading import load_model

    trainer = _built(dpo, one_dialogue, tiny, tmp_path)
    start = load_model(tiny)
    for row in trainer.train_dataset:
        for ids, told in zip((row["chosen_ids"], row["rejected_ids"]), row["reference"], strict=True):
            with torch.no_grad():
                logits = start(torch.tensor([row["prompt_ids"] + ids])).logits[0].log_softmax(-1)
            rows = logits[len(row["prompt_ids"]) - 1 : -1]
            expected = float(rows.gather(1, torch.tensor(ids)[:, None]).sum())
            assert told == pytest.approx(expected, rel=1e-5)


def test_without_the_stored_reference_the_adapter_is_turned_off_in_the_step(
    dpo: Dpo, one_dialogue: list[Preference], tiny: Path, tmp_path: Path
) -> None:
    trainer = _built(dpo, one_dialogue, tiny, tmp_path)
    expected, gradients = _step(trainer)
    trainer.train_dataset = trainer.train_dataset.remove_columns("reference")
    loss, found = _step(trainer)
    assert loss == pytest.approx(expected, rel=1e-6)
    for name, wanted in gradients.items():
        assert float((found[name] - wanted).norm()) < 1e-5 * float(wanted.norm())


def test_a_damaged_reference_is_computed_again(
    dpo: Dpo, one_dialogue: list[Preference], tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = _built(dpo, one_dialogue, tiny, tmp_path).train_dataset["reference"]
    path = tmp_path / "trainer" / "reference.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-3] ^= 0xFF
    path.write_bytes(bytes(raw))
    again = _built(dpo, one_dialogue, tiny, tmp_path).train_dataset["reference"]
    assert [*again] == [*first]
    assert "damaged" in caplog.text


def test_the_reference_of_another_training_is_not_taken(
    dpo: Dpo, one_dialogue: list[Preference], tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A training's name covers all that a reference follows from (`test_code_in_key.py`)."""
    mine, other = tmp_path / "mine", tmp_path / "other"
    told = [*_built(dpo, one_dialogue, tiny, other).train_dataset["reference"]]
    cache = Path("trainer/reference.safetensors")
    (mine / "trainer").mkdir(parents=True)
    (mine / cache).write_bytes((other / cache).read_bytes())
    turned = [replace(pair, chosen=pair.rejected, rejected=pair.chosen) for pair in one_dialogue]
    again = [*_built(dpo, turned, tiny, mine).train_dataset["reference"]]
    assert again == [pytest.approx(row[::-1], rel=1e-5) for row in told]
    assert "made for something else (other)" in caplog.text


def test_an_epoch_holds_every_pair_once_and_keeps_dialogues_together() -> None:
    from eva.training.dialogue_order import DialogueOrder

    dialogues = [name for name in "abcdefgh" for _ in range(3)]
    epoch = 0
    order = DialogueOrder(dialogues, 7, lambda: epoch)
    first = list(order)
    assert Counter(first) == Counter(range(24)) and len(order) == 24
    assert all(dialogues[first[i]] == dialogues[first[i + 1]] for i in range(24) if i % 3 < 2)
    assert first == list(order)
    epoch = 1
    assert list(order) != first


def test_history_has_the_columns_of_trls(
    dpo: Dpo, one_dialogue: list[Preference], tiny: Path, tmp_path: Path
) -> None:
    from eva.training.dpo import train

    result = train(
        dpo, one_dialogue, one_dialogue[:1], tiny, tmp_path / "out", TARGETS, 1, tmp_path / "store"
    )
    columns = {
        "step",
        "loss",
        "lr",
        "grad_norm",
        "epoch",
        "accuracy",
        "margin",
        "logp_chosen",
        "logp_rejected",
    }
    assert result.history and all(row.keys() == columns for row in result.history)
    assert result.metrics["margin_after"] > 0
