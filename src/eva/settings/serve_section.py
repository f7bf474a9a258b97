"""Section `serve` of `params.yaml`."""

from typing import Annotated

from pydantic import Field

from eva.settings.section import Place, Positive, Section


class Serve(Section):
    """Bounds of `eva serve`; no stage reads this section."""

    at_once: Annotated[int, Field(ge=1, le=512)] = Field(
        32, description="requests that are worked on or wait; a further one gets status 429"
    )
    seconds: Annotated[float, Field(gt=0)] = Field(
        120.0, description="longest time from a request to the end of its answer; then status 503"
    )
    kilobytes: Positive = Field(256, description="largest body of a request; a larger one gets status 413")
    messages: Positive = Field(200, description="most messages of a conversation; more get status 400")
    characters: Positive = Field(4000, description="longest message; a longer one gets status 400")
    store: Place | None = Field(
        None, description="folder to which conversations are written; null: none is stored"
    )
