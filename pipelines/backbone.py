"""Stage `backbone`: get pretrained weights and write them as a Hugging Face model folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from eva.models.backbones import materialise
from eva.settings.backbones_section import Backbone

if TYPE_CHECKING:
    from eva.record import StageRun


def main(run: "StageRun", backbones: Mapping[str, Backbone], *, backbone: str, out: Path) -> None:
    """Convert, copy or download the model of one row of `backbones`, and check it."""
    materialise(backbone, backbones[backbone], out)
    run.log_metrics({"bytes": sum(file.stat().st_size for file in out.rglob("*") if file.is_file())})
