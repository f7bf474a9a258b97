"""Section `backbones` of `params.yaml`."""

import re
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from eva.settings.section import Distinct, Positive, Section

_COMMIT = re.compile(r"[0-9a-f]{40}")


class Endpoint(Section):
    """How requests to an OpenAI-compatible endpoint are made; its URL and key come from the environment."""

    concurrency: Positive = Field(4, description="requests sent at the same time")
    requests_per_minute: Positive | None = Field(
        None, description="most requests per minute, retries included; null: no limit"
    )
    retries: Annotated[int, Field(ge=0)] = Field(
        8, description="of one request after status 429 or 5xx, or without a connection"
    )
    timeout: float = Field(120, gt=0, description="seconds to wait for one response")
    input_price: float | None = Field(None, ge=0, description="per million input tokens; null: unknown")
    output_price: float | None = Field(None, ge=0, description="per million output tokens; null: unknown")
    request: dict[str, Any] = Field(
        default_factory=dict,
        description="fields added to the body of every request; null removes a field that EVA sets",
    )

    @field_validator("request")
    @classmethod
    def _ours(cls, given: dict[str, Any]) -> dict[str, Any]:
        taken = sorted(given.keys() & {"model", "messages", "n", "stream"})
        if taken:
            raise ValueError(f"{', '.join(taken)}: EVA sets these fields itself; leave them out here")
        return given


class Backbone(Section):
    """A pretrained model and where its weights come from, or a served model (`endpoint`, generation only)."""

    role: Literal["causal", "encoder"] = Field(
        description="causal: a language model that generates; encoder: the base of the scorers"
    )
    source: Literal["package", "hub", "local", "random", "endpoint"] = Field(
        description="package: installed by pip; hub: Hugging Face; local: a folder; random: tiny random "
        "weights, for tests; endpoint: a served model"
    )
    id: str = Field(
        min_length=1,
        description="by source: package, hub id, folder, architecture, model name at the endpoint",
    )
    revision: str | None = Field(
        None, validate_default=True, description="hub: commit of the model; package: its version"
    )
    sha256: str | None = Field(
        None, pattern=r"^[0-9a-f]{64}$", description="digest of the package's weight file"
    )
    lora_targets: Annotated[list[str], Distinct] = Field(
        ["q_proj", "k_proj", "v_proj", "o_proj"],
        min_length=1,
        description="linear modules that get LoRA adapters in DPO",
    )
    trainable: bool = Field(
        True, validate_default=True, description="false: used for generation only (EmoLLM in the paper)"
    )
    endpoint: Endpoint = Field(default_factory=Endpoint, description="for source `endpoint`")

    @field_validator("revision")
    @classmethod
    def _pinned(cls, given: str | None, known: ValidationInfo) -> str | None:
        source = known.data.get("source")
        if source in {"hub", "package"} and given is None:
            raise ValueError(f"a {source} source needs `revision`: the exact version to download")
        if source == "hub" and not _COMMIT.fullmatch(given or ""):
            raise ValueError(
                "a branch or tag can move; give the commit, 40 hexadecimal digits (the model's page, "
                "`Files and versions`, `History`)"
            )
        return given

    @field_validator("trainable")
    @classmethod
    def _only_asked(cls, given: bool, known: ValidationInfo) -> bool:
        if known.data.get("source") == "endpoint" and (given or known.data.get("role") == "encoder"):
            raise ValueError(
                "a model at an endpoint can only generate: set `role: causal` and `trainable: false`"
            )
        return given
