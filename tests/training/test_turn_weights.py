"""Acquisition from one reading has the loss and the gradient of TRL's SFTTrainer, row by row."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from eva.models.chat import IGNORE, Window
from eva.training.sft_trainer import _padded
from eva.training.supervised_loss import TokenBatch
from eva.training.turn_weights import token_weights

pytestmark = pytest.mark.slow

VOCABULARY = 300
ARCHITECTURES = {
    "Llama": {},
    "Qwen2": {},
    "Qwen3": {"head_dim": 16},
    "Mistral": {"sliding_window": 16},
    "Phi3": {"sliding_window": None},
    "SmolLM3": {},
    "Granite": {"logits_scaling": 3.0},
    "Olmo2": {},
    "Gemma": {"head_dim": 16},
    "Gemma2": {"head_dim": 16, "final_logit_softcapping": 5.0, "sliding_window": 16},
}


def _model(name: str) -> Any:
    import transformers

    small = {
        "vocab_size": VOCABULARY, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
        "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
    }  # fmt: skip
    config = getattr(transformers, f"{name}Config")(**small, **ARCHITECTURES[name])
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")


def _dialogue(seed: int, turns: Sequence[tuple[int, int]]) -> Window:
    """A dialogue of random tokens: for each turn, how many of the user and how many of the supporter."""
    generator = torch.Generator().manual_seed(seed)
    ids: list[int] = []
    labels: list[int] = []
    for user, supporter in turns:
        new = torch.randint(3, VOCABULARY, (user + supporter,), generator=generator).tolist()
        ids += new
        labels += [IGNORE] * user + new[user:]
    return Window(ids, labels, tuple(range(1, len(turns) + 1)))


DIALOGUES = [_dialogue(1, [(9, 5), (4, 8), (7, 3)]), _dialogue(2, [(12, 4), (3, 11)])]


def _prefixes(window: Window) -> list[dict[str, Any]]:
    """The authors' rows: each ends with a supporter turn and supervises all turns so far."""
    after = [*window.labels[1:], IGNORE]
    stops = [
        place + 1
        for place, label in enumerate(window.labels)
        if label != IGNORE and (after[place] == IGNORE or place + 1 == len(window.labels))
    ]
    assert len(stops) == len(window.turns)
    return [{"input_ids": window.input_ids[:stop], "labels": window.labels[:stop]} for stop in stops]


def _ours(model: Any, kind: Any) -> tuple[float, dict[str, torch.Tensor]]:
    """One step of all dialogues."""
    weights = [token_weights(kind, [window])[0] for window in DIALOGUES]
    rows = [
        {"input_ids": window.input_ids, "labels": window.labels, "weights": own}
        for window, own in zip(DIALOGUES, weights, strict=True)
    ]
    batch = TokenBatch(**_padded(rows))
    model.zero_grad()
    loss = batch.weighted_sum(batch.losses(model)) / sum(map(sum, weights))
    loss.backward()
    return loss.item(), _gradients(model)


def _gradients(model: Any) -> dict[str, torch.Tensor]:
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def _trl(model: Any, rows: list[dict[str, Any]], step: int, folder: Path) -> tuple[float, Any]:
    """Mean loss and gradient over TRL's steps of `step` rows, each row a batch of its own."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from eva.models.tiny import chatml_tokenizer

    config = SFTConfig(
        output_dir=str(folder), use_cpu=True, bf16=False, activation_checkpointing=False, report_to="none",
        max_length=None, dataset_kwargs={"skip_prepare_dataset": True}, remove_unused_columns=False,
    )  # fmt: skip
    trainer = SFTTrainer(
        model=model, args=config, train_dataset=Dataset.from_list(rows), processing_class=chatml_tokenizer()
    )
    model.zero_grad()
    losses = []
    for start in range(0, len(rows), step):
        batches = [trainer.data_collator([row]) for row in rows[start : start + step]]
        trainer.current_gradient_accumulation_steps = len(batches)
        count = trainer._get_num_items_in_batch(batches, torch.device("cpu"))
        losses.append(sum(float(trainer.training_step(model, batch, count)) for batch in batches))
    steps = len(losses)
    return sum(losses) / steps, {name: grad / steps for name, grad in _gradients(model).items()}


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("kind", ["uniform", "prefix", "prefix_mean"])
def test_loss_and_gradient_equal_trls(name: str, kind: Any, tmp_path: Path) -> None:
    rows = [row for window in DIALOGUES for row in _prefixes(window)]
    if kind == "uniform":
        rows = [{"input_ids": window.input_ids, "labels": window.labels} for window in DIALOGUES]
    loss, found = _ours(_model(name), kind)
    expected, gradients = _trl(_model(name), rows, 1 if kind == "prefix_mean" else len(rows), tmp_path)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert found.keys() == gradients.keys()
    for key, wanted in gradients.items():
        assert float((found[key] - wanted).norm()) < 1e-5 * float(wanted.norm()) + 1e-8, key


def test_the_three_are_different_objectives() -> None:
    model = _model("Llama")
    losses = {kind: _ours(model, kind)[0] for kind in ("uniform", "prefix", "prefix_mean")}
    assert len({round(loss, 4) for loss in losses.values()}) == 3


def test_weights_go_on_through_the_windows_of_a_dialogue() -> None:
    first, second = _dialogue(3, [(2, 3), (2, 1)]), _dialogue(4, [(5, 2)])
    found = token_weights("prefix", [first, second])
    assert found == [[0, 0, 3, 3, 3, 0, 0, 2], [0, 0, 0, 0, 0, 1, 1]]
    per_row = token_weights("prefix_mean", [first, second])
    assert sum(map(sum, per_row)) == pytest.approx(3)  # one for each row
    assert per_row[1][-1] == pytest.approx(1 / 6)


def test_no_logit_is_computed_where_there_is_no_label() -> None:
    model, rows = _model("Llama"), []
    model.lm_head.register_forward_hook(lambda module, given, logits: rows.append(logits.shape[:-1].numel()))
    window = DIALOGUES[0]
    weights = token_weights("uniform", [window])[0]
    batch = TokenBatch(
        **_padded([{"input_ids": window.input_ids, "labels": window.labels, "weights": weights}])
    )
    assert batch.losses(model).shape == (16,) and rows == [16]
    assert model(input_ids=batch.input_ids).logits.shape[1] == len(window.input_ids)  # the head is as it was
