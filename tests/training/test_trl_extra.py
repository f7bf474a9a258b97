"""`sft.extra` and `dpo.extra` reach TRL's trainer, and nothing of EVA's can be overruled by them."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from eva.errors import InputError
from eva.settings.dpo_section import Dpo
from eva.training.arguments import trainer_arguments
from eva.training.readiness import ready, training_problems
from eva.training.trl_extra import OWNED, extra_problems


def test_they_reach_the_trainers_configuration_in_trls_types(sft: Any) -> None:
    from trl import SFTConfig

    extra = {"weight_decay": "1e-2", "lr_scheduler_type": "cosine", "neftune_noise_alpha": 5}
    settings = ready("sft", sft.model_copy(update={"extra": extra}))
    config = SFTConfig(**trainer_arguments(settings, Path("x"), 1, 8))
    assert (config.weight_decay, config.lr_scheduler_type, config.neftune_noise_alpha) == (0.01, "cosine", 5)
    assert ready("sft", sft).extra == {}


def test_all_problems_are_named_at_once_with_the_nearest_field(dpo: Dpo, tiny: Path, pairs: Any) -> None:
    from eva.training.dpo import plan

    extra = {"weight_dekay": 0.1, "beta": 0.2, "loss_type": "ipo", "max_grad_norm": "much"}
    with pytest.raises(InputError) as caught:
        plan(dpo.model_copy(update={"extra": extra}), pairs, pairs, tiny, ["q_proj"], 1)
    message = str(caught.value)
    assert message.startswith("dpo: 4 problems")
    assert "`weight_dekay` is not a field of TRL's DPOConfig. Nearest: `weight_decay`" in message
    assert "`beta` cannot be set here: set `beta`" in message
    assert "`loss_type` cannot be set here: set `loss`" in message
    assert "`max_grad_norm` is 'much'" in message


def test_a_value_that_trl_refuses_is_said_before_a_model_loads(sft: Any) -> None:
    (problem,) = training_problems("sft", sft.model_copy(update={"extra": {"optim": "adamm"}}))
    assert "adamm" in problem


def test_every_owned_name_is_a_field_of_this_release_of_trl() -> None:
    from trl import DPOConfig, SFTConfig

    fields = {field.name for config in (SFTConfig, DPOConfig) for field in dataclasses.fields(config)}
    assert OWNED.keys() <= fields


def test_whatever_eva_sets_is_owned(sft: Any) -> None:
    assert trainer_arguments(sft, Path("x"), 1, 8).keys() <= OWNED.keys()
    assert [p for p in extra_problems("dpo", {"disable_dropout": False}) if "cannot be set" in p]


@pytest.mark.parametrize(("warmup", "epochs", "fine"), [(0.1, 1, False), (0.0, 1, True), (0.1, 2, True)])
def test_a_training_that_is_all_warm_up_is_refused(sft: Any, warmup: float, epochs: int, fine: bool) -> None:
    settings = sft.model_copy(update={"warmup": warmup, "epochs": epochs})
    problems = training_problems("sft", settings, examples=2)
    assert (problems == []) is fine
    assert fine or "0.1 covers all 1 optimizer step(s)" in problems[0]
