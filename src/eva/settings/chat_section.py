"""Section `chat` of `params.yaml`."""

from pydantic import Field

from eva.settings.section import Section


class Chat(Section):
    """Fixed texts of a conversation."""

    referral: str | None = Field(
        None, min_length=1, description="shown instead of a reply to a message about danger; null: EVA's text"
    )
