"""Section `epitome` of `params.yaml`."""

from typing import Literal

from eva.settings.scorer_section import Scorer


class Epitome(Scorer):
    """EPITOME's three scorers (Appendix G): layers fitted on the encoder and on the probed model as they are.

    Of every sentence, and of the post, the encoder reads `max_length` tokens; the probe, of the response.
    """

    mechanisms: list[Literal["ip", "ex", "er"]]
