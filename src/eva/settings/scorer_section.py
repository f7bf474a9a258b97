"""What the sections `level_classifier` and `epitome` share."""

from typing import Annotated

from pydantic import Field

from eva.settings.precision import PrecisionField
from eva.settings.section import Fraction, Name, Positive, Section


class Scorer(Section):
    """An encoder with a classifier on it, a linear probe beside it, and how they are cross-validated."""

    encoder: Name = Field(description="row of `backbones` with role encoder")
    probe: Name = Field(description="row of `backbones` on whose untouched states a linear probe is fitted")
    probe_share: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="weight of the probe in the mean of its and the encoder's log-probabilities; 0: no probe"
    )
    max_length: Annotated[int, Field(ge=16)] = Field(description="tokens read of one text")
    balance: Fraction = Field(description="loss weight of a class: (1 / its count) ** balance; 0: none")
    folds: Annotated[int, Field(ge=2)] = Field(description="grouped cross-validation folds")
    precision: PrecisionField = "auto"
    seed: int = Field(0, ge=0, description="of folds, new layers, shuffling and dropout")


class Encoder(Scorer):
    """Fine-tuning of a sequence classifier."""

    epochs: float = Field(gt=0, description="passes over the labelled texts")
    lr: float = Field(gt=0, lt=1, description="peak learning rate of the encoder")
    batch_size: Positive = Field(description="texts per step")
    layers: Positive | None = Field(None, description="use the encoder's first N layers; null: all")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="within the encoder; its masks cost a fifth of a step on a CPU"
    )
