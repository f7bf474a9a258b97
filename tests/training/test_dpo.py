import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eva.data.dialogue import Preference
from eva.errors import InputError
from eva.settings.dpo_section import Dpo
from eva.training.result import TrainResult

TARGETS = ["q_proj", "v_proj"]


@pytest.fixture(scope="module")
def trained(
    tiny: Path, pairs: list[Preference], dpo: Dpo, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TrainResult, Path]:
    from eva.training.dpo import train

    folder = tmp_path_factory.mktemp("dpo")
    result = train(dpo, pairs[:6], pairs[6:], tiny, folder / "out", TARGETS, 1, folder / "store")
    return result, folder


@pytest.fixture(scope="module")
def trainer(tiny: Path, pairs: list[Preference], dpo: Dpo, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """TRL's own trainer, its adapter moved off zero by hand."""
    import torch

    from eva.training.dpo import plan
    from eva.training.dpo_trainer import build

    folder = tmp_path_factory.mktemp("trainer")
    pairwise = dpo.model_copy(update={"trainer": "trl"})
    planned = plan(pairwise, pairs[:6], pairs[6:], tiny, TARGETS, 1)
    trainer = build(planned.job, folder)
    for name, parameter in trainer.model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    return trainer


def test_it_starts_at_ln_2_and_learns(trained: tuple[TrainResult, Path]) -> None:
    metrics = trained[0].metrics
    assert metrics["loss_first_step"] == pytest.approx(math.log(2), abs=1e-6)
    assert (metrics["loss_before"], metrics["margin_before"]) == (pytest.approx(math.log(2)), 0)
    assert metrics["accuracy_before"] == 0.5
    assert metrics["accuracy_after"] == 1 and metrics["margin_after"] > 0
    assert metrics["loss_after"] < metrics["loss_before"]
    assert metrics["lora_b_moved"] == metrics["lora_b_total"] == 4


def test_only_the_adapter_is_saved_and_it_says_nothing_of_this_machine(
    trained: tuple[TrainResult, Path], tiny: Path
) -> None:
    import torch

    from eva.models.loading import load_model, load_policy

    out = trained[1] / "out"
    assert sorted(path.name for path in out.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    assert str(tiny) not in (out / "adapter_config.json").read_text()
    ids = torch.arange(10)[None]
    with torch.no_grad():
        moved = load_policy(tiny, out)(ids).logits - load_model(tiny)(ids).logits
    assert moved.abs().max() > 1e-3


def test_lora_dropout_is_live(trainer: Any) -> None:
    rates = {m.p for n, m in trainer.model.named_modules() if n.endswith("lora_dropout.default")}
    assert rates == {0.05}


def test_the_reference_is_the_start_model_even_in_training_mode(trainer: Any, tiny: Path) -> None:
    import torch

    from eva.models.loading import load_model

    start = load_model(tiny)
    batch = next(iter(trainer.get_train_dataloader()))
    trainer.model.train()
    chosen, rejected = trainer.compute_ref_log_probs(trainer.model, batch)
    with torch.no_grad():
        logits = start(batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
    tokens = logits.log_softmax(-1).gather(-1, batch["input_ids"][:, 1:, None])[..., 0]
    expected = (tokens * batch["completion_mask"][:, 1:]).sum(1)
    assert torch.allclose(torch.cat([chosen, rejected]), expected, atol=1e-4)
    policy = torch.cat(list(trainer._policy_log_probs(trainer.model, batch)))
    assert not torch.allclose(policy, expected, atol=1e-2)


def test_no_second_model_is_held(trainer: Any) -> None:
    assert trainer.ref_model is None and list(trainer.model.peft_config) == ["default"]


def test_tokens_are_those_of_acquisition_and_of_generation(
    trainer: Any, pairs: list[Preference], tiny: Path
) -> None:
    from eva.models.chat import encode_dialogue, encode_prompt
    from eva.models.loading import load_tokenizer

    tokenizer = load_tokenizer(tiny)
    seen = set()
    for batch in trainer.get_train_dataloader():
        rows = zip(batch["input_ids"], batch["attention_mask"], batch["completion_mask"], strict=True)
        for ids, attended, completed in rows:
            ids = ids[: int(attended.sum())].tolist()
            seen.add((tuple(ids), len(ids) - int(completed.sum())))
    expected = set()
    for pair in pairs[:6]:
        prompt = len(encode_prompt(tokenizer, pair.history, max_length=512))
        for response in (pair.chosen, pair.rejected):
            messages = [*pair.history, {"role": "assistant", "content": response}]
            (window,) = encode_dialogue(tokenizer, messages, max_length=512)
            expected.add((tuple(window.input_ids), prompt))
    assert seen == expected


def test_a_long_history_loses_its_oldest_turns_and_no_response_is_cut(
    tiny: Path, pairs: list[Preference]
) -> None:
    from eva.models.loading import load_tokenizer
    from eva.training.examples import pair_examples

    tokenizer = load_tokenizer(tiny)
    whole = pair_examples(tokenizer, pairs[:1], 512, "pairs").rows[0]
    cut = pair_examples(tokenizer, pairs[:1], whole["length"] - 1, "pairs").rows[0]
    assert len(cut["prompt_ids"]) < len(whole["prompt_ids"])
    assert (cut["chosen_ids"], cut["rejected_ids"]) == (whole["chosen_ids"], whole["rejected_ids"])
    with pytest.raises(InputError, match=r"pair-0: a response does not fit"):
        pair_examples(tokenizer, [replace(pairs[0], chosen="What a long day! " * 60)], 128, "pairs")


def test_targets_that_match_nothing_are_refused_before_anything_is_written(
    tiny: Path, pairs: list[Preference], dpo: Dpo, tmp_path: Path
) -> None:
    from eva.training.dpo import train

    with pytest.raises(InputError, match=r"2 problems(.|\n)*'qproj' matches no module(.|\n)*lm_head"):
        train(dpo, pairs, pairs, tiny, tmp_path / "out", ["q_proj", "qproj", "lm_head"], 1, tmp_path / "s")
    assert list(tmp_path.iterdir()) == []


def test_a_pair_of_equal_responses_is_refused(tiny: Path, pairs: list[Preference], dpo: Dpo) -> None:
    from eva.training.dpo import plan

    same = replace(pairs[0], rejected=f" {pairs[0].chosen} ")
    with pytest.raises(InputError, match=r"pair-0: the chosen and the rejected response are the same"):
        plan(dpo, [same], pairs, tiny, TARGETS, 1)


def test_bf16_starts_at_ln_2_too(tiny: Path, pairs: list[Preference], dpo: Dpo, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    from eva.training.dpo import train

    settings = dpo.model_copy(update={"precision": "bf16", "epochs": 1})
    result = train(settings, pairs[:6], pairs[6:], tiny, tmp_path / "out", TARGETS, 1, tmp_path / "store")
    assert result.metrics["loss_first_step"] == pytest.approx(math.log(2), abs=1e-6)
    assert result.metrics["margin_before"] == 0
    assert {str(t.dtype) for t in load_file(tmp_path / "out/adapter_model.safetensors").values()} == {
        "torch.float32"
    }
