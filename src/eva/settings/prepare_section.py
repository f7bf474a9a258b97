"""Section `prepare` of `params.yaml`."""

from pydantic import Field

from eva.settings.section import Section


class Prepare(Section):
    """Which dialogues of a corpus are kept (ADR 8)."""

    keep_supporter_first: bool = Field(
        description="keep dialogues that the supporter starts, without that first turn; false: drop them"
    )
