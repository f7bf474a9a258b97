"""Section `prepare` of `params.yaml`."""

from pydantic import Field

from eva.settings.section import Section


class Prepare(Section):
    """Dialogue rules (ADR 8)."""

    keep_supporter_first: bool = Field(
        description="keep dialogues that the supporter starts, leading supporter turn removed"
    )
