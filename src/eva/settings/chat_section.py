"""Section `chat` of `params.yaml`."""

from pydantic import Field

from eva.settings.section import Section


class Chat(Section):
    """What a person who talks with a model is told; read by `eva chat`, by no stage."""

    referral: str | None = Field(
        None, min_length=1, description="said instead of a reply where danger is spoken of; null: EVA's text"
    )
