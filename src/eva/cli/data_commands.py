"""`eva data`: import, download and show corpora."""

from pathlib import Path
from typing import Annotated

import typer

from eva.errors import InputError, raise_if
from eva.settings.params_file import Settings, read_settings

app = typer.Typer(no_args_is_help=True, help="Import, download and show corpora.")

RAW = Path("data/raw")
OF = ("reference", "chosen", "rejected")


@app.command("import")
def import_(source: Annotated[Path, typer.Argument(help="folder that holds the corpora")]) -> None:
    """Copy a local folder of corpora into data/raw and track each corpus with DVC."""
    from eva.data.importing import add_to_dvc, import_corpora

    folders = import_corpora(source, RAW)
    add_to_dvc(folders)
    for folder in folders:
        print(f"{folder}: imported and tracked by DVC ({folder}.dvc)")
    print("next: `eva params use study`, then `dvc repro`")


@app.command()
def fetch(
    corpora: Annotated[
        list[str] | None, typer.Argument(help="esconv, empathetic_dialogues, epitome, evad")
    ] = None,
) -> None:
    """Download corpora from their official URLs into data/raw, verify their digests, track them with DVC."""
    from eva.data.fetch import fetch as download
    from eva.data.importing import add_to_dvc
    from eva.data.sources import NOT_PUBLIC, SOURCES

    folders = download(corpora or list(SOURCES), RAW)
    add_to_dvc(folders)
    for folder in folders:
        print(f"{folder}: complete and tracked by DVC ({folder}.dvc)")
    print("not public, so not downloaded:\n" + "\n".join(f"  - {line}" for line in NOT_PUBLIC))


@app.command()
def show(
    corpus: Annotated[str, typer.Argument(help="a row of `corpora` in params.yaml")] = "esconv",
    tokenizer: Annotated[Path | None, typer.Option(help="backbone folder; its chat template is used")] = None,
    dialogue: Annotated[int, typer.Option(min=0, help="which training dialogue to render, from 0")] = 0,
    pairs: Annotated[
        Path | None, typer.Option(help="show preference pairs instead: data/preferences/BACKBONE")
    ] = None,
    pair: Annotated[int, typer.Option(min=0, help="which training pair to render, from 0")] = 0,
) -> None:
    """Print the statistics of a corpus and one training dialogue; [[ ]] marks the tokens in the loss.

    With --pairs: level, fit to the position and length of every training pair, and both sides of one.
    """
    from eva.cli.project_plugins import load_project_plugins
    from eva.data.prepare import prepare
    from eva.data.show import corpus_summary

    load_project_plugins("corpora")
    settings = read_settings(Path("params.yaml"))
    if corpus not in settings.corpora:
        raise InputError(f"{corpus!r} is not a row of `corpora`. Known: {', '.join(settings.corpora)}.")
    prepared = prepare(corpus, settings.corpora[corpus], settings.prepare)
    train = prepared.splits["train"]
    if dialogue >= len(train):
        raise InputError(
            f"--dialogue {dialogue}: {corpus} has {len(train)} training dialogues, numbered from 0"
        )
    if pairs is not None:
        from eva.cli.pair_views import show_pairs

        show_pairs(pairs, pair, train, tokenizer or _first_backbone(settings), settings.dpo.max_length)
        return
    print(corpus_summary(prepared.statistics))
    folder = tokenizer or _first_backbone(settings)
    if not folder.is_dir():
        print(f"\n(no tokenizer in {folder}: `dvc repro backbone@{folder.name}` creates it)")
        return
    print("\n" + _rendered(folder, train[dialogue].messages(), settings.sft.max_length))


@app.command()
def responses(
    out: Annotated[Path, typer.Argument(metavar="OUT.jsonl", help="file to write")],
    corpus: Annotated[str, typer.Option(help="a row of `corpora` in params.yaml")] = "esconv",
    split: Annotated[str, typer.Option(help="train, valid or test")] = "test",
    of: Annotated[str, typer.Option(help="reference, or EVAD's chosen or rejected")] = "reference",
    evad: Annotated[Path | None, typer.Option(help="file in EVAD's format; `data.evad` by default")] = None,
) -> None:
    """Write human responses as a file for `eva score`.

    `reference`: the supporter turns of a split of the corpus. `chosen` and
    `rejected`: EVAD's two responses to each of its histories.
    """
    from eva.artifacts import write_jsonl
    from eva.cli.project_plugins import load_project_plugins
    from eva.data.evad import load_evad, match_evad
    from eva.data.human_responses import evad_responses, supporter_responses
    from eva.data.prepare import prepare
    from eva.data.utterances import SPLITS

    load_project_plugins("corpora")
    settings = read_settings(Path("params.yaml"))
    problems = [] if corpus in settings.corpora else [f"--corpus {corpus!r}: not a row of `corpora`"]
    problems += [] if split in SPLITS else [f"--split {split!r}: known are {', '.join(SPLITS)}"]
    problems += [] if of in OF else [f"--of {of!r}: known are {', '.join(OF)}"]
    raise_if(problems, "eva data responses")
    prepared = prepare(corpus, settings.corpora[corpus], settings.prepare)
    if of == "reference":
        rows = supporter_responses(prepared.splits[split])
    else:
        matches = match_evad(load_evad(evad or settings.data.evad), prepared.everything)
        rows = evad_responses(matches, of)
    print(f"{out}: {write_jsonl(out, (row.to_dict() for row in rows))} responses; next: `eva score {out}`")


def _first_backbone(settings: Settings) -> Path:
    return Path("models/backbone") / settings.matrix.backbones[0]


def _rendered(folder: Path, messages: list[dict[str, str]], max_length: int) -> str:
    from eva.data.show import rendered_example
    from eva.models.chat import encode_dialogue
    from eva.models.loading import load_tokenizer

    tokenizer = load_tokenizer(folder)
    windows = encode_dialogue(tokenizer, messages, max_length=max_length)
    return "\n---\n".join(rendered_example(w.input_ids, w.labels, tokenizer) for w in windows)
