"""The official URLs of the public corpora with the digest of each file, and a list of what is not public."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eva.artifacts import digest_file

GITHUB = "https://raw.githubusercontent.com"
FACEBOOK = "https://dl.fbaipublicfiles.com"
_ESCONV = "thu-coai/Emotional-Support-Conversation"
_EPITOME = "behavioral-data/Empathy-Mental-Health/0e11f98/dataset"
_EVA = "sonsuhyune/EVA/34ade87317c4b1c6b383a36446899d55e35c6287"


@dataclass(frozen=True)
class RemoteFile:
    """A file to download from `<host>/<path>`.

    `digest` is `sha256:<hex>` or `git:<blob id>`; `members` are the files to keep, if it is an archive.
    """

    host: str
    path: str
    digest: str
    members: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    def agrees(self, file: Path) -> bool:
        """Whether the content of `file` has the expected digest."""
        kind, _, value = self.digest.partition(":")
        return (git_blob_id(file) if kind == "git" else digest_file(file)) == value


def git_blob_id(path: Path) -> str:
    """The blob id that git gives to a file's content: sha1 of a header with its size, then the content."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    digest.update(path.read_bytes())
    return digest.hexdigest()


SOURCES: Mapping[str, tuple[RemoteFile, ...]] = {
    "esconv": (
        RemoteFile(
            GITHUB,
            f"{_ESCONV}/f262d062ad74cb39b17ea476facc81568ddcba24/ESConv.json",
            "git:2f7a69eeda505053eac68f9ab26fd728d0f6db31",
        ),
        RemoteFile(
            GITHUB,
            f"{_ESCONV}/bff7f6bb9667514bdeb4ccde236808940235491e/FailedESConv.json",
            "sha256:d21bad5409d88ecbca18abfee26a8c188d09c34b03962cb53a4c30d8de95b279",
        ),
    ),
    "empathetic_dialogues": (
        RemoteFile(
            FACEBOOK,
            "parlai/empatheticdialogues/empatheticdialogues.tar.gz",
            "sha256:56f234d77b7dd1f005fd365bb17769cfe346c3c84295b69bc069c8ccb83be03d",
            members=("train.csv", "valid.csv", "test.csv"),
        ),
    ),
    "epitome": (
        RemoteFile(
            GITHUB,
            f"{_EPITOME}/emotional-reactions-reddit.csv",
            "sha256:225b28ffdc257f8a997d557eb937e78b68235e6203c87c7e2203d00fef8545cc",
        ),
        RemoteFile(
            GITHUB,
            f"{_EPITOME}/explorations-reddit.csv",
            "sha256:9efa1af8e0537c16894379598f2076cb380ae18aacd9a8d26ebd381f5b7f9645",
        ),
        RemoteFile(
            GITHUB,
            f"{_EPITOME}/interpretations-reddit.csv",
            "sha256:2cedbe4252c919d22a6f46685afa16d3192a91e3306c2d4a386be12a30ad3f29",
        ),
    ),
    "evad": (
        RemoteFile(
            GITHUB,
            f"{_EVA}/EVAD_sample.json",
            "sha256:6f25b471080a5613b3b63139318fd484b1f8b9037b25574526515f010d84d601",
        ),
    ),
}

NOT_PUBLIC = (
    "EVAD in full (5,622 preferences with their levels): the authors published a sample of 13 records "
    "without levels; ask them, or use the recipe `public`",
    "the data of the paper's level classifier: weak levels from ESConv's strategies are used instead",
    "EPITOME's TalkLife part: its authors share it on request; only the Reddit part is fetched",
)
