"""One frozen model per section of `params.yaml`; the fields are the reference of every knob."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$", description="lower-case word")]
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """Base of all sections: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Matrix(Section):
    """The axes that training and evaluation are crossed over; every value is a row's name."""

    corpora: list[Name] = Field(min_length=1, description="rows of `corpora` to train on")
    backbones: list[Name] = Field(min_length=1, description="rows of `backbones` to train")
    seeds: list[Annotated[int, Field(ge=0)]] = Field(min_length=1)


class Corpus(Section):
    """A corpus in its official format."""

    format: Literal["esconv", "failed_esconv", "empathetic_dialogues"]
    path: Path = Field(description="folder with the official files")
    min_dialogues: Positive = Field(description="fewer than this in the train split fails the gate")


class Data(Section):
    """Files outside the dialogue corpora."""

    evad: Path = Field(description="EVAD-format preference file")
    epitome: Path = Field(description="folder with EPITOME's three csv files")
    levels: Path = Field(description="JSON lines {text, level, context?, dialogue_id?}")


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


class Variant(Section):
    """One row of the comparison: which training it had and which prompt it gets."""

    acquire: bool = Field(description="empathy acquisition (ACQ): full-parameter SFT")
    align: bool = Field(description="emotional validation alignment (ALI): LoRA DPO")
    prompt: Literal["eva", "cot"] = "eva"


class Prepare(Section):
    """Dialogue rules (design decision 4)."""

    keep_supporter_first: bool = Field(
        description="keep dialogues that the supporter starts, leading supporter turn removed"
    )


class Validate(Section):
    """Bounds of the validation gate."""

    min_turns: Positive = Field(description="fewest turns of a dialogue after joining")
    max_turn_characters: Positive
    max_label_share: Fraction = Field(description="a strategy or emotion above this share fails")
    max_rows_listed: Positive = Field(description="offending rows printed per failed expectation")


class Preferences(Section):
    """Where preference pairs come from (design decision 8)."""

    recipe: Literal["evad", "public"]
    corpus: Name = Field(description="row of `corpora` whose dialogues hold the histories")
    rejected: Literal["model", "human", "mixed"] = Field(
        "mixed", description="recipe `public`: author of the rejected response"
    )
    max_pairs: Positive | None = None
    valid_share: Fraction = Field(description="share of dialogues held out for DPO accuracy")
    seed: int = Field(0, ge=0)


class Training(Section):
    """Knobs both trainings share."""

    epochs: float = Field(gt=0)
    lr: float = Field(gt=0, lt=1)
    batch_size: Positive = Field(description="sequences per device and step")
    accumulation: Positive = Field(description="steps per update")
    max_length: Annotated[int, Field(ge=64)] = Field(description="context in tokens")
    warmup: Fraction
    bf16: bool = Field(description="bfloat16 autocast")
    gradient_checkpointing: bool
    save_steps: Positive = Field(description="optimizer steps between resumable checkpoints")
    launcher: Literal["single", "torchrun"] = "single"
    processes: Positive = Field(1, description="processes of the launcher, one a device")
    deepspeed: Path | None = Field(None, description="DeepSpeed JSON, e.g. infra/deepspeed/zero3.json")


class Sft(Training):
    """Empathy acquisition (paper section 4.1.1, Appendix G)."""

    max_train: Positive | None = Field(None, description="train on N dialogues, evenly spaced; null: all")
    max_valid: Positive | None = Field(None, description="held-out dialogues; null: all")


class Dpo(Training):
    """Emotional validation alignment (paper section 4.1.2, Appendix G)."""

    beta: float = Field(gt=0)
    r: Positive
    alpha: Positive
    dropout: Fraction = Field(description="LoRA dropout; kept on (TRL would set it to 0)")


class Scorer(Section):
    """An encoder with a classifier on it, a linear probe beside it, and how they are cross-validated."""

    encoder: Name = Field(description="row of `backbones` with role encoder")
    probe: Name = Field(description="row of `backbones` on whose untouched states a linear probe is fitted")
    probe_share: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="the probe's in the mean of its and the encoder's log-probabilities; 0: no probe "
        "(the stage waits for the backbone all the same, since dvc.yaml knows no conditions)"
    )
    max_length: Annotated[int, Field(ge=16)] = Field(description="tokens read of one text")
    balance: Fraction = Field(description="loss weight of a class: (1 / its count) ** balance; 0: none")
    folds: Annotated[int, Field(ge=2)] = Field(description="grouped cross-validation folds")
    seed: int = Field(0, ge=0)


class Encoder(Scorer):
    """Fine-tuning of a sequence classifier."""

    epochs: float = Field(gt=0)
    lr: float = Field(gt=0, lt=1)
    batch_size: Positive
    layers: Positive | None = Field(None, description="use the encoder's first N layers; null: all")
    dropout: Fraction = Field(description="within the encoder; its masks cost a fifth of a step on a CPU")


class LevelClassifier(Encoder):
    """The classifier of the four levels (Appendix F: RoBERTa) and the reference histogram V."""

    corpus: Name = Field(description="row of `corpora` whose strategies give weak labels")
    labels: Literal["strategies", "file"] = Field(
        description="weak labels from the corpus's strategies, or the level file `data.levels`"
    )
    context_turns: Annotated[int, Field(ge=0)] = Field(description="preceding turns the encoder sees")


class Epitome(Scorer):
    """EPITOME's three scorers (Appendix G): layers fitted on the encoder and on the probed model as they are.

    Of every sentence, and of the post, the encoder reads `max_length` tokens; the probe, of the response.
    """

    mechanisms: list[Literal["ip", "ex", "er"]]


class Generate(Section):
    """Decoding."""

    max_dialogues: Positive | None = Field(None, description="test dialogues, evenly spaced; null: all")

    max_new_tokens: Positive
    cot_max_new_tokens: Positive = Field(description="room for the reasoning before `Response:`")
    temperature: float = Field(ge=0, description="0: greedy")
    top_p: float = Field(gt=0, le=1)
    repetition_penalty: float = Field(ge=1)
    batch_size: Positive
    max_length: Annotated[int, Field(ge=64)] = Field(description="history budget in tokens")
    bf16: bool


class Evaluate(Section):
    """Metrics and their uncertainty."""

    metrics: list[str] = Field(min_length=1, description="metric families, see `eva score --help`")
    bootstrap: Annotated[int, Field(ge=0)] = Field(description="resamples of dialogues; 0: none")
    confidence: float = Field(gt=0, lt=1)
    ngram: Annotated[int, Field(ge=2, le=6)] = Field(description="phrase length of the repetition analysis")
    seed: int = Field(0, ge=0)


class Capability(Section):
    """Standard tasks before and after fine-tuning (Appendix L.2, Table 13)."""

    before: Name = Field(description="row of `variants` that the difference is measured from")
    after: Name = Field(description="row of `variants` that it is measured to")
    tasks: list[str] = Field(description="tasks of lm-eval or of `task_path`; empty: measure nothing")
    task_path: Path = Field(description="folder of lm-eval task files of your own, read before lm-eval's")
    limit: Positive | None = Field(None, description="first N documents of each task; null: all")
    batch_size: Positive
    bf16: bool

    @model_validator(mode="after")
    def _two_variants(self) -> "Capability":
        if self.before == self.after:
            raise ValueError(f"before and after are both {self.before!r}, so nothing would differ")
        return self


class Report(Section):
    """The comparison page."""

    title: str
    baseline: Name = Field(description="variant the others are compared with")
    samples: Annotated[int, Field(ge=0)] = Field(description="dialogues shown side by side")
    paper: Literal["mistral", "qwen", "llama"] = Field(
        "mistral", description="whose rows of the paper's Tables 2 and 8 stand beside ours"
    )


class Register(Section):
    """Which model goes to the registry, and under which name."""

    corpus: Name
    backbone: Name
    seed: int = Field(ge=0)
    variant: Name
    name: str = Field(description="registered model name")
    alias: str = "candidate"
