from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from eva.artifacts import read_jsonl
from eva.data.dialogue import Dialogue
from eva.errors import InputError
from eva.settings.sft_section import Sft
from eva.training import examples, sft
from eva.training.result import TrainResult


@pytest.fixture(scope="module")
def trained(
    tiny: Path, dialogues: list[Dialogue], sft: Sft, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TrainResult, Path]:
    from eva.training.sft import train

    folder = tmp_path_factory.mktemp("sft")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVA_LIVE_ROWS", str(folder / "live.jsonl"))
        result = train(sft, dialogues[:6], dialogues[6:], tiny, folder / "out", 1, folder / "store")
    return result, folder


def test_it_learns_and_saves_a_whole_model(trained: tuple[TrainResult, Path], tiny: Path) -> None:
    from eva.models.loading import load_model, load_tokenizer

    result, folder = trained
    assert result.metrics["nll_after"] < result.metrics["nll_before"] - 0.5
    start, model = load_model(tiny), load_model(folder / "out")
    assert model.num_parameters() == start.num_parameters()
    before, after = start.state_dict(), model.state_dict()
    assert all(not before[name].equal(after[name]) for name in before)
    assert model.config.use_cache
    assert load_tokenizer(folder / "out").chat_template == load_tokenizer(tiny).chat_template


def test_counts_and_history(trained: tuple[TrainResult, Path], dialogues: list[Dialogue], tiny: Path) -> None:
    from eva.models.chat import IGNORE, encode_dialogue
    from eva.models.loading import load_tokenizer

    tokenizer = load_tokenizer(tiny)
    windows = [w for d in dialogues[:6] for w in encode_dialogue(tokenizer, d.messages(), max_length=512)]
    result, _ = trained
    assert result.metrics["dialogues"] == result.metrics["windows"] == 6
    assert result.metrics["tokens"] == sum(len(w.input_ids) for w in windows)
    assert result.metrics["supervised_tokens"] == sum(x != IGNORE for w in windows for x in w.labels)
    assert result.metrics["effective_batch"] == 2
    assert [row["step"] for row in result.history] == [1, 2, 3, 4, 5, 6]
    assert {"loss", "lr"} <= set(result.history[0])


def test_its_curve_is_handed_on_while_it_runs(trained: tuple[TrainResult, Path]) -> None:
    result, folder = trained
    rows = read_jsonl(folder / "live.jsonl")
    times = [row.pop("time") for row in rows]
    assert rows == result.history
    assert times == sorted(times)


def test_held_out_score_is_the_mean_over_tokens(
    trained: tuple[TrainResult, Path], dialogues: list[Dialogue], tiny: Path
) -> None:
    import torch

    from eva.models.chat import encode_dialogue
    from eva.models.loading import load_model, load_tokenizer

    model, tokenizer = load_model(tiny), load_tokenizer(tiny)
    total, count = 0.0, 0
    for dialogue in dialogues[6:]:
        for window in encode_dialogue(tokenizer, dialogue.messages(), max_length=512):
            labels = torch.tensor(window.labels)[1:]
            with torch.no_grad():
                logits = model(torch.tensor([window.input_ids])).logits[0, :-1]
            total += torch.nn.functional.cross_entropy(logits, labels, reduction="sum").item()
            count += window.n_supervised
    assert trained[0].metrics["nll_before"] == pytest.approx(total / count, abs=1e-5)


def test_only_what_the_store_needs_is_kept(trained: tuple[TrainResult, Path]) -> None:
    result, folder = trained
    run = folder / "store" / result.fingerprint
    assert not (run / "trainer").exists() and not (run / "examples").exists()
    assert {"fingerprint.json", "result.json", "final"} <= {path.name for path in run.iterdir()}
    assert not list(folder.rglob("*.bin"))


def test_equal_training_is_reused_and_another_one_is_not(
    trained: tuple[TrainResult, Path], tiny: Path, dialogues: list[Dialogue], sft: Sft, tmp_path: Path
) -> None:
    from eva.training.sft import plan, train

    result, folder = trained
    moved = sft.model_copy(update={"save_steps": 99})
    again = train(moved, dialogues[:6], dialogues[6:], tiny, tmp_path / "out", 1, folder / "store")
    assert again.reused and again.metrics == result.metrics and again.fingerprint == result.fingerprint
    assert (tmp_path / "out/model.safetensors").read_bytes() == (
        folder / "out/model.safetensors"
    ).read_bytes()
    ours = plan(sft, dialogues[:6], dialogues[6:], tiny, 1).inputs
    for settings, data, seed in [
        (sft.model_copy(update={"lr": 4e-3}), dialogues[:6], 1),
        (sft, dialogues[:5], 1),
        (sft, dialogues[:6], 2),
    ]:
        assert plan(settings, data, dialogues[6:], tiny, seed).inputs != ours


def test_the_model_gets_exactly_our_labels(
    tiny: Path, dialogues: list[Dialogue], sft: Sft, tmp_path: Path
) -> None:
    """What the loader hands to the model, row by row, is what `encode_dialogue` made."""
    from eva.models.chat import encode_dialogue
    from eva.models.loading import load_tokenizer
    from eva.training.sft import plan
    from eva.training.sft_trainer import build

    planned = plan(sft, dialogues, dialogues[6:], tiny, 1)
    seen = []
    for batch in build(planned.job, tmp_path).get_train_dataloader():
        for ids, labels in zip(batch["input_ids"], batch["labels"], strict=True):
            length = int(ids.nonzero().max()) + 1  # token 0 is the padding
            assert (labels[length:] == -100).all()
            seen.append((tuple(ids[:length].tolist()), tuple(labels[:length].tolist())))
    tokenizer = load_tokenizer(tiny)
    windows = [w for d in dialogues for w in encode_dialogue(tokenizer, d.messages(), max_length=512)]
    assert sorted(seen) == sorted((tuple(w.input_ids), tuple(w.labels)) for w in windows)


def test_rows_of_like_length_share_a_batch(
    tiny: Path, dialogues: list[Dialogue], sft: Sft, tmp_path: Path
) -> None:
    from eva.training.sft import plan
    from eva.training.sft_trainer import build

    many = [replace(d, id=f"{d.id}-{copy}") for copy in range(4) for d in dialogues]
    planned = plan(sft, many, dialogues[6:], tiny, 1)
    batches = list(build(planned.job, tmp_path).get_train_dataloader())
    padded = sum(batch["input_ids"].numel() for batch in batches)
    assert padded < 1.05 * planned.job.counts["tokens"]


def test_a_dialogue_without_supporter_is_refused_before_anything_is_written(
    tiny: Path, dialogues: list[Dialogue], sft: Sft, tmp_path: Path
) -> None:
    from eva.training.sft import train

    mute = replace(dialogues[0], id="mute", turns=dialogues[0].turns[:1])
    with pytest.raises(InputError, match=r"mute.*no tokens to train on"):
        train(sft, [mute], dialogues[6:], tiny, tmp_path / "out", 1, tmp_path / "store")
    assert list(tmp_path.iterdir()) == []


def test_a_lost_turn_is_refused(
    tiny: Path, dialogues: list[Dialogue], sft: Sft, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode: Callable[..., list] = examples.encode_dialogue
    lose = lambda *a, **k: [replace(w, turns=w.turns[:-1]) for w in encode(*a, **k)]  # noqa: E731
    monkeypatch.setattr(examples, "encode_dialogue", lose)
    with pytest.raises(InputError, match=r"toy-0: supporter turns \[1\] of \[1, 2\]"):
        sft_plan(sft, dialogues, tiny)


def sft_plan(settings: Sft, dialogues: list[Dialogue], tiny: Path) -> object:
    return sft.plan(settings, dialogues, dialogues, tiny, 1)


def test_no_room_is_said_before_training(
    tiny: Path, dialogues: list[Dialogue], sft: Sft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from eva.training.sft import train

    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_000_000))
    with pytest.raises(InputError, match=r"needs 0\.01 GB"):
        train(sft, dialogues[:2], dialogues[6:], tiny, tmp_path / "out", 1, tmp_path / "store")
    assert not (tmp_path / "out").exists()


def test_the_short_head_computes_the_same_loss_and_gradients(tiny: Path) -> None:
    import torch
    from trl.trainer.utils import add_fused_lm_head

    from eva.compat.trl_hooks import supervised_head
    from eva.models.loading import load_model

    ids = torch.arange(24).reshape(2, 12)
    labels = ids.masked_fill(ids % 3 != 0, -100)
    results = []
    for short in (False, True):
        model = load_model(tiny)
        add_fused_lm_head(model)
        if short:
            with supervised_head():
                loss = model(ids, labels=labels, fused_lm_head=True).loss
        else:
            loss = model(ids, labels=labels, fused_lm_head=True).loss
        loss.backward()
        results.append((loss, model.lm_head.weight.grad))
    assert torch.allclose(results[0][0], results[1][0])
    assert torch.allclose(results[0][1], results[1][1], atol=1e-7)
