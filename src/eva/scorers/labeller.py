"""The fold models of a cross-validation as one labeller: each labels its own share of the dialogues (ADR 28).

Held-out turns are labelled by the single model of their fold. All other texts are also labelled by single
models: the mean of the models would make other errors than the labels of the held-out turns have.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eva.scorers.encoding import Text
from eva.scorers.ensemble import Ensemble, Probabilities


@dataclass(frozen=True)
class Labeller:
    """The models: one, or one per fold."""

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
    """The index, from 0 to `shares` - 1, of a group's share: a hash of its name, so always the same."""
    return int.from_bytes(hashlib.sha256(group.encode("utf-8", "replace")).digest()[:8], "big") % shares
