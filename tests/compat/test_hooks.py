"""Every private part of a library that EVA uses is still there, and still does what EVA uses it for."""

import importlib.metadata
import inspect
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from eva.compat import dvc_cache, dvc_repo, prefect_leases, transformers_hooks, trl_hooks

TRIED = [
    (trl_hooks, "trl"),
    (transformers_hooks, "transformers"),
    (dvc_cache, "dvc"),
    (dvc_repo, "dvc"),
    (prefect_leases, "prefect"),
]


@pytest.mark.parametrize(("module", "library"), TRIED, ids=lambda value: getattr(value, "__name__", value))
def test_the_installed_release_is_the_one_that_was_tried(module: Any, library: str) -> None:
    """After an upgrade: run this folder and `tests/training`, then write the new release down."""
    assert importlib.metadata.version(library).startswith(f"{module.TRIED}.")


def test_trl_asks_the_patched_name_whether_to_leave_positions_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from trl.trainer import utils

    assert "_use_triton(hidden_states.device)" in inspect.getsource(utils.add_fused_lm_head)
    with trl_hooks.supervised_head():
        assert utils._use_triton("cpu") is True
    assert utils._use_triton is not None and "lambda" not in repr(utils._use_triton)


def test_trls_dpo_trainer_prepares_rows_by_the_method_that_is_replaced() -> None:
    from trl import DPOTrainer

    assert "self._prepare_dataset(" in inspect.getsource(DPOTrainer.__init__)
    method = next(vars(c)["_prepare_dataset"] for c in DPOTrainer.__mro__ if "_prepare_dataset" in vars(c))
    inspect.signature(method).bind(object(), "dataset", "processing_class", "args", "train")
    inspect.signature(trl_hooks.RowsAsEncoded._prepare_dataset).bind(object(), "dataset", "p", "a", "train")


def test_trls_trainers_give_their_model_the_fused_head() -> None:
    from trl import DPOTrainer, SFTTrainer

    for trainer in (DPOTrainer, SFTTrainer):
        assert "add_fused_lm_head(" in inspect.getsource(sys.modules[trainer.__module__])


def test_the_trainer_asks_the_replaced_method_for_its_order_and_prepares_inputs() -> None:
    from transformers import Trainer

    assert "sampler_fn=self._get_train_sampler" in inspect.getsource(Trainer.get_train_dataloader)
    assert callable(Trainer._prepare_inputs)


def test_a_process_that_sees_several_gpus_trains_on_one(tmp_path: Path) -> None:
    from transformers import TrainingArguments

    arguments = TrainingArguments(str(tmp_path), use_cpu=True, per_device_train_batch_size=2)
    arguments._n_gpu = 4
    assert arguments.train_batch_size == 8
    assert transformers_hooks.on_one_device(arguments).train_batch_size == 2


def test_a_model_tells_and_takes_its_attention_and_its_name() -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1
    )
    model = LlamaForCausalLM(config)
    model.set_attn_implementation("eager")
    assert transformers_hooks.attention_of(model) == "eager"
    assert transformers_hooks.takes_attention(model)
    transformers_hooks.call_model(model, "models:/eva")
    assert model.name_or_path == model.config.name_or_path == "models:/eva"


def test_the_marks_of_a_quantised_file_are_the_ones_that_saving_looks_at() -> None:
    from transformers import modeling_utils

    source = inspect.getsource(modeling_utils.PreTrainedModel.save_pretrained)
    assert "hf_quantizer" in source
    model = SimpleNamespace(hf_quantizer=1, is_quantized=True, config=SimpleNamespace(quantization_config=1))
    transformers_hooks.forget_quantization(model)
    assert vars(model) == {"config": model.config} and vars(model.config) == {}


@pytest.mark.slow
def test_dvc_keeps_a_file_where_its_cache_says(tmp_path: Path) -> None:
    def run(*words: str) -> None:
        subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)

    run("git", "init", "-q")
    run(sys.executable, "-m", "dvc", "init", "-q")
    (tmp_path / "weights").write_text("of a model")
    run(sys.executable, "-m", "dvc", "add", "-q", "weights")
    md5 = next(word for word in (tmp_path / "weights.dvc").read_text().split() if len(word) == 32)
    cache = dvc_cache.cache_folder(tmp_path)
    assert cache is not None
    assert dvc_cache.cached_file(cache, md5).read_text() == "of a model"
    assert dvc_cache.cache_folder(tmp_path.parent) is None


def test_outside_of_dvc_there_is_no_running_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert dvc_cache.running_cache() is None
    assert "DVC_ROOT" not in os.environ
