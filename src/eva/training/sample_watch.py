"""Greedy responses during DPO: their length and repetition, and a rule that stops the training.

Reward margins can rise while the responses become very long or repeat themselves, which no loss shows. The
model's responses to a few held-out histories (`dpo.samples`) show it.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from eva.compat.transformers_hooks import attention_of
from eva.devices import autocast, decide
from eva.models.chat import end_of_turn
from eva.models.loading import load_tokenizer
from eva.settings.dpo_section import Dpo
from eva.training.job import Job

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

_NGRAM = 4


@dataclass(frozen=True)
class Samples:
    """Mean length of the responses in tokens, and the share of their 4-grams that are repetitions."""

    tokens: float
    repetition: float

    @classmethod
    def measure(cls, answers: Iterable[Sequence[int]]) -> "Samples":
        """Measure lists of token ids; a response too short for a 4-gram has no repetition."""
        lengths, repeated, total = [], 0, 0
        for ids in answers:
            grams = [tuple(ids[i : i + _NGRAM]) for i in range(len(ids) - _NGRAM + 1)]
            lengths.append(len(ids))
            repeated += len(grams) - len(set(grams))
            total += len(grams)
        return cls(sum(lengths) / len(lengths), repeated / total if total else 0.0)

    def drift(self, start: "Samples", settings: Dpo) -> str | None:
        """The reason to stop the training, or None."""
        ratio = max(self.tokens, 1.0) / max(start.tokens, 1.0)
        if settings.stop_length is not None and not 1 / settings.stop_length <= ratio <= settings.stop_length:
            return (
                f"greedy answers are {self.tokens:.0f} tokens long, {ratio:.2g} times the start model's "
                f"(dpo.stop_length: {settings.stop_length:g})"
            )
        risen = self.repetition - start.repetition
        if settings.stop_repetition is not None and risen > settings.stop_repetition:
            return (
                f"{self.repetition:.0%} of the 4-grams of greedy answers repeat, {start.repetition:.0%} of "
                f"those of the start model's (dpo.stop_repetition: {settings.stop_repetition:g})"
            )
        return None


class SampleWatch(TrainerCallback):  # type: ignore[misc]
    """Generates responses to the first `dpo.samples` held-out histories every `dpo.sample_steps` steps.

    Every process generates the same responses, so all stop together. The measures go into the trainer's log,
    from which a resumed training takes those of the start model.
    """

    def __init__(self, job: Job[Dpo]) -> None:
        self._settings = job.settings
        self._prompts = [list(row) for row in job.valid["prompt_ids"][: job.settings.samples]]
        self._tokenizer = load_tokenizer(job.model_dir)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if not _logged(state):
            self._look(state, kwargs["model"])

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        last = state.global_step >= state.max_steps
        if state.global_step % self._settings.sample_steps and not last:
            return
        reason = self._look(state, kwargs["model"]).drift(_logged(state)[0], self._settings)
        if reason is not None and not last:
            log.warning("dpo stops after step %d of %d: %s", state.global_step, state.max_steps, reason)
            control.should_training_stop = control.should_save = control.should_log = True

    def _look(self, state: Any, model: Any) -> Samples:
        found = Samples.measure(self._answers(model))
        row = {"sample_tokens": found.tokens, "sample_repetition": found.repetition}
        state.log_history.append({"step": state.global_step, "epoch": state.epoch, **row})
        if state.is_world_process_zero:
            log.info("dpo: answers of %.1f tokens, %.0f %% repeated", found.tokens, 100 * found.repetition)
        return found

    def _answers(self, model: Any) -> list[list[int]]:
        """Greedy responses without the end-of-turn token."""
        import torch

        bare = getattr(model, "module", model)
        training, kernel, stops = bare.training, attention_of(bare), self._stops(bare)
        bare.eval().set_attn_implementation("sdpa")  # training's may not take a cache
        ids, mask = self._padded(bare.device)
        with torch.no_grad(), autocast(decide(self._settings.precision, "dpo.precision")):
            written = bare.generate(
                input_ids=ids, attention_mask=mask, do_sample=False, use_cache=True, eos_token_id=stops,
                max_new_tokens=self._settings.sample_tokens, pad_token_id=self._tokenizer.pad_token_id,
                repetition_penalty=1.0,
            )  # fmt: skip
        bare.train(training).set_attn_implementation(kernel)
        return [_until(row, stops) for row in written[:, ids.shape[1] :].tolist()]

    def _padded(self, device: Any) -> tuple["torch.Tensor", "torch.Tensor"]:
        batch = self._tokenizer.pad({"input_ids": self._prompts}, padding_side="left", return_tensors="pt")
        return batch["input_ids"].to(device), batch["attention_mask"].to(device)

    def _stops(self, model: Any) -> list[int]:
        own = model.generation_config.eos_token_id
        named = own if isinstance(own, list) else [own]
        ids = {end_of_turn(self._tokenizer).id, self._tokenizer.eos_token_id, *named}
        return sorted(int(i) for i in ids if i is not None)


def _logged(state: Any) -> list[Samples]:
    """The measures so far, the start model's first."""
    rows = (row for row in state.log_history if "sample_tokens" in row)
    return [Samples(row["sample_tokens"], row["sample_repetition"]) for row in rows]


def _until(ids: list[int], stops: Sequence[int]) -> list[int]:
    return ids[: next((place for place, token in enumerate(ids) if token in stops), len(ids))]
