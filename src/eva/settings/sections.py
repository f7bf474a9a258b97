"""One frozen model per section of `params.yaml`; the fields are the reference of every knob."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

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


class Backbone(Section):
    """Where weights come from: a pip package, a hub id, a local folder, or a random tiny model."""

    role: Literal["causal", "encoder"]
    source: Literal["package", "hub", "local", "random"]
    id: str = Field(description="package name, hub id, folder, or architecture of a random model")
    revision: str | None = Field(None, description="hub commit or package version; required for both")
    sha256: str | None = Field(None, description="digest of the package's weight file")
    lora_targets: list[str] = Field(
        default_factory=lambda: ["q_proj", "k_proj", "v_proj", "o_proj"],
        description="modules that ALI adapts; a name that matches nothing is an error",
    )
    trainable: bool = Field(True, description="false: generation only (EmoLLM in the paper)")

    @model_validator(mode="after")
    def _pinned(self) -> "Backbone":
        if self.source in {"hub", "package"} and self.revision is None:
            raise ValueError(f"a {self.source} source needs `revision`: pin what you download")
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


class Encoder(Section):
    """Fine-tuning of a sequence classifier."""

    encoder: Name = Field(description="row of `backbones` with role encoder")
    epochs: float = Field(ge=0, description="of fine-tuning; 0: fit the linear layer on the encoder as it is")
    lr: float = Field(gt=0, lt=1)
    batch_size: Positive
    max_length: Annotated[int, Field(ge=16)]
    layers: Positive | None = Field(None, description="use the encoder's first N layers; null: all")
    frozen: Annotated[int, Field(ge=0)] = Field(
        0, description="leave the embeddings and the lowest N layers as they are, and train those above"
    )
    balance: Fraction = Field(description="loss weight of a class: (1 / its count) ** balance; 0: none")
    folds: Annotated[int, Field(ge=2)] = Field(description="grouped cross-validation folds")
    seed: int = Field(0, ge=0)


class LevelClassifier(Encoder):
    """RoBERTa classifier of the four levels (Appendix F) and the reference histogram V."""

    corpus: Name = Field(description="row of `corpora` whose strategies give weak labels")
    labels: Literal["strategies", "file"] = Field(
        description="weak labels from the corpus's strategies, or the level file `data.levels`"
    )
    context_turns: Annotated[int, Field(ge=0)] = Field(description="preceding turns the model sees")


class Epitome(Encoder):
    """EPITOME's three scorers (Appendix G)."""

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


class Report(Section):
    """The comparison page."""

    title: str
    baseline: Name = Field(description="variant the others are compared with")
    samples: Annotated[int, Field(ge=0)] = Field(description="dialogues shown side by side")


class Register(Section):
    """Which model goes to the registry, and under which name."""

    corpus: Name
    backbone: Name
    seed: int = Field(ge=0)
    variant: Name
    name: str = Field(description="registered model name")
    alias: str = "candidate"
