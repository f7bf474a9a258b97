"""Section `backbones` of `params.yaml`."""

import re
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from eva.settings.section import Distinct, Positive, Section

_COMMIT = re.compile(r"[0-9a-f]{40}")


class Endpoint(Section):
    """How an OpenAI-compatible endpoint is asked; address and key come from the environment."""

    concurrency: Positive = Field(4, description="requests under way at once")
    requests_per_minute: Positive | None = Field(None, description="retries count as well; null: no limit")
    retries: Annotated[int, Field(ge=0)] = Field(8, description="of one request: 429, 5xx, no connection")
    timeout: float = Field(120, gt=0, description="seconds to wait for one answer")
    input_price: float | None = Field(None, ge=0, description="per million tokens; null: unknown")
    output_price: float | None = Field(None, ge=0, description="per million tokens; null: unknown")
    request: dict[str, Any] = Field(
        default_factory=dict, description="fields added to every request; null leaves one of ours out"
    )

    @field_validator("request")
    @classmethod
    def _ours(cls, given: dict[str, Any]) -> dict[str, Any]:
        taken = sorted(given.keys() & {"model", "messages", "n", "stream"})
        if taken:
            raise ValueError(f"{', '.join(taken)}: set by the run, or would change what an answer is")
        return given


class Backbone(Section):
    """Where weights come from, or `endpoint`: a model that somebody serves, for generation only."""

    role: Literal["causal", "encoder"] = Field(
        description="causal: a model that writes; encoder: a model that the scorers are built on"
    )
    source: Literal["package", "hub", "local", "random", "endpoint"] = Field(
        description="package: installed by pip; hub: Hugging Face; local: a folder; random: tiny, for tests; "
        "endpoint: served elsewhere"
    )
    id: str = Field(
        min_length=1, description="package, hub id, folder, random architecture, or name at the endpoint"
    )
    revision: str | None = Field(
        None, validate_default=True, description="of a hub model its commit, of a package its version"
    )
    sha256: str | None = Field(
        None, pattern=r"^[0-9a-f]{64}$", description="digest of the package's weight file"
    )
    lora_targets: Annotated[list[str], Distinct] = Field(
        ["q_proj", "k_proj", "v_proj", "o_proj"],
        min_length=1,
        description="linear modules that ALI adapts",
    )
    trainable: bool = Field(
        True, validate_default=True, description="false: generation only (EmoLLM in the paper)"
    )
    endpoint: Endpoint = Field(default_factory=Endpoint, description="for source `endpoint`")

    @field_validator("revision")
    @classmethod
    def _pinned(cls, given: str | None, known: ValidationInfo) -> str | None:
        source = known.data.get("source")
        if source in {"hub", "package"} and given is None:
            raise ValueError(f"a {source} source needs `revision`: pin what you download")
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
            raise ValueError("an endpoint can only be asked: set `role: causal` and `trainable: false`")
        return given
