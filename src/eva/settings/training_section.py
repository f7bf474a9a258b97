"""The settings that the sections `sft` and `dpo` have in common."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from eva.settings.precision import PrecisionField
from eva.settings.section import Place, Positive, Section

AttentionName = Literal["auto", "eager", "sdpa", "flash_attention_2"]


class Training(Section):
    """Settings of a training run."""

    epochs: float = Field(gt=0, description="passes over the training data; fractions are allowed")
    lr: float = Field(gt=0, lt=1, description="peak learning rate of AdamW")
    batch_size: Positive = Field(description="sequences per device and step")
    accumulation: Positive = Field(
        description="batches per update, shared among the processes: an update always has batch_size x "
        "accumulation sequences"
    )
    max_length: Annotated[int, Field(ge=64)] = Field(description="context in tokens")
    warmup: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="share of the steps over which the learning rate rises from 0"
    )
    precision: PrecisionField = "auto"
    gradient_checkpointing: bool = Field(
        description="recompute activations in the backward pass: less memory, about a third more time"
    )
    attention: AttentionName = Field(
        "auto", description="attention kernel; auto: torch's fused one (sdpa) where the model takes it"
    )
    save_steps: Positive = Field(description="optimizer steps between resumable checkpoints")
    launcher: Literal["single", "torchrun"] = Field(
        "single", description="single: in the stage's own process; torchrun: in `processes` of them"
    )
    processes: Positive = Field(1, description="processes of the launcher on all hosts, one a device")
    hosts: Positive = Field(1, description="machines that share the processes, and the checkpoint store")
    rendezvous: Annotated[str, Field(pattern=r"^[^\s:]+:[0-9]+$")] | None = Field(
        None,
        description="host:port of the first machine, where the others find it; needed for `hosts`",
        validate_default=True,
    )
    deepspeed: Place | None = Field(None, description="DeepSpeed JSON, e.g. infra/deepspeed/zero3.json")
    extra: dict[str, Any] = Field(
        default_factory=dict,
        description="other fields of TRL's SFTConfig or DPOConfig, e.g. {max_grad_norm: 0.5}",
    )

    @field_validator("processes")
    @classmethod
    def _one_process_alone(cls, given: int, known: ValidationInfo) -> int:
        if given > 1 and known.data.get("launcher") == "single":
            raise ValueError(
                "`launcher: single` starts one process; set `launcher: torchrun` or `processes: 1`"
            )
        if (batches := known.data.get("accumulation", given)) % given:
            raise ValueError(
                f"the {batches} batches of an update (`accumulation`) cannot be shared by {given} processes "
                "evenly; make `accumulation` a multiple of `processes`, or `processes` a divisor of it"
            )
        return given

    @field_validator("hosts")
    @classmethod
    def _share_processes(cls, given: int, known: ValidationInfo) -> int:
        if (processes := known.data.get("processes", given)) % given:
            raise ValueError(
                f"{processes} processes cannot be shared by {given} hosts evenly; change one of the two"
            )
        return given

    @field_validator("rendezvous")
    @classmethod
    def _hosts_meet(cls, given: str | None, known: ValidationInfo) -> str | None:
        if given is None and known.data.get("hosts", 1) > 1:
            raise ValueError("several hosts need an address to meet at: set `rendezvous: HOST:PORT`")
        return given

    @field_validator("deepspeed")
    @classmethod
    def _needs_processes(cls, given: Path | None, known: ValidationInfo) -> Path | None:
        if given is not None and known.data.get("launcher") == "single":
            raise ValueError(
                "DeepSpeed divides a model among several processes, but `launcher: single` uses one; "
                "set `launcher: torchrun` or `deepspeed: null`"
            )
        return given
