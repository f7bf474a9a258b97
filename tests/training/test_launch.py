import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from eva.errors import InputError
from eva.settings.sft_section import Sft
from eva.training import launch
from eva.training.readiness import ready


def test_the_command_names_every_process_and_the_job(sft: Sft) -> None:
    command = launch.argv(8, "eva.training.sft_trainer", Path("store/x"), None)
    assert command[:3] == [sys.executable, "-m", "torch.distributed.run"]
    assert command[command.index("--nproc_per_node") + 1] == "8"
    assert command[-3:] == ["-m", "eva.training.sft_trainer", str(Path("store/x"))]
    resumed = launch.argv(8, "eva.training.sft_trainer", Path("store/x"), Path("checkpoint-5"))
    assert resumed == [*command, "checkpoint-5"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "is no file"),
        ("{", "not JSON"),
        ("[]", "should hold a JSON object"),
        (
            '{"train_micro_batch_size_per_gpu": 7, "train_batch_size": "auto"}',
            "sets train_micro_batch_size_per_gpu to 7",
        ),
    ],
)
def test_a_deepspeed_file_that_cannot_be_used_is_refused_at_the_start(
    sft: Sft, tmp_path: Path, text: str | None, why: str
) -> None:
    path = tmp_path / "zero.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=f"sft: 1 problem(?s:.*)deepspeed: .*{why}"):
        ready("sft", sft.model_copy(update={"launcher": "torchrun", "deepspeed": path}))
    assert ready("sft", sft) == sft


def test_a_failed_process_is_an_error(sft: Sft, tmp_path: Path) -> None:
    settings = sft.model_copy(update={"launcher": "torchrun", "processes": 1})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "argv", lambda *given: [sys.executable, "-c", "raise SystemExit(3)"])
        with pytest.raises(RuntimeError, match="status 3"):
            launch.start(settings, "eva.training.sft_trainer", tmp_path, None)


@pytest.mark.parametrize("stage", [2, 3])
def test_deepspeed_files_leave_the_numbers_to_the_settings(root: Path, stage: int) -> None:
    config = json.loads((root / f"infra/deepspeed/zero{stage}.json").read_text())
    assert config["zero_optimization"]["stage"] == stage
    assert {config[k] for k in ("train_micro_batch_size_per_gpu", "gradient_accumulation_steps")} == {"auto"}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="DeepSpeed compiles its CPU communication with c++")
def test_both_trainings_run_under_zero_3_on_two_processes(
    root: Path, tiny: Path, dialogues: Any, pairs: Any, sft: Any, dpo: Any, tmp_path: Path
) -> None:
    from eva.models.loading import load_model, load_policy
    from eva.training.dpo import train as align
    from eva.training.sft import train as acquire

    zero = {
        "launcher": "torchrun",
        "processes": 2,
        "batch_size": 1,
        "deepspeed": root / "infra/deepspeed/zero3.json",
    }
    store = tmp_path / "store"
    acquired = acquire(
        sft.model_copy(update=zero), dialogues[:6], dialogues[6:], tiny, tmp_path / "sft", 1, store
    )
    assert acquired.metrics["effective_batch"] == 2
    assert acquired.metrics["nll_after"] < acquired.metrics["nll_before"] - 0.5
    start, model = load_model(tiny).state_dict(), load_model(tmp_path / "sft").state_dict()
    assert {n: t.shape for n, t in model.items()} == {n: t.shape for n, t in start.items()}
    assert all(t.isfinite().all() and not t.equal(start[name]) for name, t in model.items())

    settings = dpo.model_copy(update=zero)
    aligned = align(
        settings, pairs[:6], pairs[6:], tmp_path / "sft", tmp_path / "dpo", ["q_proj", "v_proj"], 1, store
    )
    assert aligned.metrics["loss_first_step"] == pytest.approx(0.693147, abs=1e-5)
    assert aligned.metrics["lora_b_moved"] == aligned.metrics["lora_b_total"] == 4
    assert aligned.metrics["loss_after"] < aligned.metrics["loss_before"]
    merged = load_policy(tmp_path / "sft", tmp_path / "dpo").state_dict()
    assert not merged["model.layers.0.self_attn.q_proj.weight"].equal(
        model["model.layers.0.self_attn.q_proj.weight"]
    )
