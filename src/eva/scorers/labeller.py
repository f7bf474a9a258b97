"""The models of a cross-validation as one labeller: each labels its own share of the dialogues (ADR 28).

What the folds hold out is labelled by single models, a fold each. So is everything else: were it labelled
by their mean, its labels would err in another way than those of the held-out turns.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eva.scorers.encoding import Text
from eva.scorers.ensemble import Ensemble, Probabilities


@dataclass(frozen=True)
class Labeller:
    """One model, or one a fold."""

    members: Sequence[Ensemble]

    def predict(self, texts: Sequence[Text], groups: Sequence[str]) -> Probabilities:
        """Class probabilities [texts, labels], all texts of a group (a dialogue) by the same member."""
        shares = [
            np.array(
                [i for i, group in enumerate(groups) if share_of(group, len(self.members)) == number], int
            )
            for number in range(len(self.members))
        ]
        found = [
            member.predict([texts[i] for i in share])
            for member, share in zip(self.members, shares, strict=True)
        ]
        return np.concatenate(found)[np.argsort(np.concatenate(shares))]


def share_of(group: str, shares: int) -> int:
    """Which of `shares` equal shares a group falls into, from 0: by its name alone, so always the same."""
    return int.from_bytes(hashlib.sha256(group.encode("utf-8", "replace")).digest()[:8], "big") % shares
