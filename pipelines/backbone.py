"""Stage `backbone`: pretrained weights become an ordinary Hugging Face folder."""

from pathlib import Path

from eva.models.backbones import materialise
from eva.record import StageRun
from eva.settings.params_file import Settings
from pipelines.harness import stage


@stage("backbone")
def main(run: StageRun, settings: Settings, *, name: str, out: Path) -> None:
    """Convert, copy or download one row of `backbones`, digest-checked."""
    materialise(name, settings.backbones[name], out)
    run.log_metrics({"bytes": sum(file.stat().st_size for file in out.rglob("*") if file.is_file())})


if __name__ == "__main__":
    main()
