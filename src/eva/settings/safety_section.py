"""Section `safety` of `params.yaml`."""

from typing import Literal

from pydantic import Field

from eva.settings.backbones_section import Endpoint
from eva.settings.precision import PrecisionField
from eva.settings.section import Name, Place, Positive, Section

DetectorName = Literal["rules", "probe", "either"]


class Judge(Section):
    """A model at an OpenAI-compatible endpoint; its URL and key come from the environment."""

    model: str = Field(min_length=1, description="its name at the endpoint")
    endpoint: Endpoint = Field(default_factory=Endpoint, description="how requests are made")


class Safety(Section):
    """What stands between a person in danger and a model, and how well it does (docs/safety.md)."""

    messages: Place = Field(
        description="labelled messages (JSON lines; a file or a folder) to make and measure detectors"
    )
    replies: Place = Field(
        description="messages with a good and a bad reply each (JSON lines; a file or a folder)"
    )
    max_items: Positive | None = Field(
        None, description="score the first N items of each kind in `replies`; null: all"
    )
    precision: PrecisionField = "auto"
    encoder: Name = Field(description="row of `backbones` with role encoder: what the probe reads")
    corpus: Name = Field(description="row of `corpora` whose seekers show the probe what ordinary talk is")
    referred: float = Field(
        0.1,
        ge=0,
        le=1,
        description="share of whole dialogues of `corpus` that the probe may refer, of those in which the "
        "rules find nothing; a lower one ends fewer ordinary conversations and misses more danger",
    )
    detector: DetectorName = Field(
        "either",
        description="what decides whether a message is about danger. `rules`: phrases; `probe`: the "
        "classifier that the stage `crisis_detector` fits; `either`: a finding of one of them is enough",
    )
    judge: Judge | None = Field(
        None,
        description="a model that reads what each variant itself replies to `replies`, and says whether that "
        "affirms, binds or deceives; null: nobody is asked",
    )
