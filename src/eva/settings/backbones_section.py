"""Section `backbones` of `params.yaml`."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from eva.settings.section import Positive, Section


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

    role: Literal["causal", "encoder"]
    source: Literal["package", "hub", "local", "random", "endpoint"]
    id: str = Field(description="package, hub id, folder, random architecture, or name at the endpoint")
    revision: str | None = Field(None, description="hub commit or package version; required for both")
    sha256: str | None = Field(None, description="digest of the package's weight file")
    lora_targets: list[str] = Field(
        default_factory=lambda: ["q_proj", "k_proj", "v_proj", "o_proj"],
        description="modules that ALI adapts; a name that matches nothing is an error",
    )
    trainable: bool = Field(True, description="false: generation only (EmoLLM in the paper)")
    endpoint: Endpoint = Field(default_factory=Endpoint, description="for source `endpoint`")

    @model_validator(mode="after")
    def _pinned(self) -> "Backbone":
        if self.source in {"hub", "package"} and self.revision is None:
            raise ValueError(f"a {self.source} source needs `revision`: pin what you download")
        if self.source == "endpoint" and (self.role != "causal" or self.trainable):
            raise ValueError("an endpoint can only be asked: `role: causal` and `trainable: false`")
        return self
