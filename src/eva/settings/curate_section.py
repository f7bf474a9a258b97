"""Section `curate` of `params.yaml`: rows of preference sets made of ranked candidates; none by default."""

from pydantic import Field

from eva.settings.section import Name, Place, Section


class Curation(Section):
    """A set of pairs from the candidates of one collection (Appendix E, ADR 49 and 50)."""

    corpus: Name = Field(description="row of `corpora` that the candidates are for")
    collection: Name = Field(description="row of `collect`")
    ranking: Place = Field(
        description="who ranks: people's ranked.jsonl; the folder of a level classifier, which ranks by "
        "fit to the position; or models/backbone/NAME of an endpoint, which is asked as a judge"
    )
