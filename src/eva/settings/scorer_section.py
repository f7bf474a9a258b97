"""The settings that the sections `level_classifier` and `epitome` have in common."""

from typing import Annotated

from pydantic import Field

from eva.settings.precision import PrecisionField
from eva.settings.section import Fraction, Name, Positive, Section


class Scorer(Section):
    """A classifier on an encoder, a linear probe on another model (ADR 3), and their cross-validation."""

    encoder: Name = Field(description="row of `backbones` with role encoder")
    probe: Name = Field(
        description="row of `backbones`: the frozen model on whose hidden states a linear probe is fitted"
    )
    probe_share: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="weight of the probe's log-probabilities in the mean with the encoder's; 0: no probe"
    )
    max_length: Annotated[int, Field(ge=16)] = Field(description="a longer text is cut to this many tokens")
    balance: Fraction = Field(
        description="loss weight of a class: (1 / its count) ** balance; 0: equal weights"
    )
    folds: Annotated[int, Field(ge=2)] = Field(
        description="folds of the cross-validation; a dialogue is never split between folds"
    )
    precision: PrecisionField = "auto"
    seed: int = Field(0, ge=0, description="seed of folds, new layers, shuffling and dropout")


class Encoder(Scorer):
    """Fine-tuning of a sequence classifier."""

    epochs: float = Field(gt=0, description="passes over the labelled texts")
    lr: float = Field(gt=0, lt=1, description="peak learning rate of the encoder")
    batch_size: Positive = Field(description="texts per step")
    layers: Positive | None = Field(None, description="use the encoder's first N layers; null: all")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="dropout in the encoder; above 0, a training step on a CPU takes about a fifth longer"
    )
