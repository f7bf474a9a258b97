"""Stage `generate`: one response per supporter turn of the test dialogues, given the human history."""

from pathlib import Path
from typing import TYPE_CHECKING

from eva import artifacts
from eva.data.dialogue import subset
from eva.data.prepare import read_split
from eva.generation.local import generate_file
from eva.generation.remote import generate_remote
from eva.models.endpoint import FILE, Served, is_served
from eva.models.loading import Policy
from eva.settings.generate_section import Generate

if TYPE_CHECKING:
    from eva.record import StageRun


def main(
    run: "StageRun",
    generate: Generate,
    *,
    corpus: str,
    backbone: str,
    seed: int,
    variant: str,
    prepared: Path,
    policy: Path,
    out: Path,
    provenance: Path,
    metrics: Path,
) -> None:
    """Generate all responses of one variant; an interrupted generation continues where it stopped."""
    which = Policy.read(policy / "policy.json")
    if which.inapplicable:
        artifacts.write_jsonl(out, [])
        artifacts.write_json(provenance, {"inapplicable": which.inapplicable})
        artifacts.write_json(metrics, {"responses": 0})
        return
    run.announce()
    dialogues = subset(read_split(prepared, "test"), generate.max_dialogues)
    if is_served(Path(which.model)):
        served = Served.read(Path(which.model) / FILE)
        generated = generate_remote(served, which.prompt, dialogues, generate, seed, out, run.answer_store)
    else:
        generated = generate_file(which, dialogues, generate, seed, out, run.checkpoint_store)
    artifacts.write_json(provenance, generated.provenance)
    artifacts.write_json(metrics, generated.counts)
    run.log_metrics(generated.counts)
