"""`eva export`: a model as a folder for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eva.errors import InputError
from eva.export.formats import Format, Precision

if TYPE_CHECKING:
    from eva.export.drift import Drift


def export(
    model: Annotated[
        str,
        typer.Argument(
            help="models:/NAME@ALIAS or models:/NAME/VERSION; or a folder below models/dpo or models/sft"
        ),
    ],
    form: Annotated[
        Format,
        typer.Option(
            "--format", help="the full model; the LoRA adapter without its base; one file for Ollama"
        ),
    ],
    out: Annotated[Path, typer.Option(help="folder to write; there must be none")],
    precision: Annotated[
        Precision | None, typer.Option(help="how a GGUF file stores the weights; f16 by default")
    ] = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="run the export, and compare it with the served model")
    ] = False,
) -> None:
    """Write a model as a folder that needs no EVA, with the digests of all its files.

    `eva verify FOLDER` compares such a folder with its digests.
    """
    from eva.export.exporting import Order
    from eva.export.exporting import export as write

    if precision is not None and form is not Format.gguf:
        raise InputError(f"--precision {precision.value}: only `--format gguf` has a choice; leave it out")
    done = write(model, Order(form, precision or Precision.f16, measure), out, Path.cwd())
    print(f"{out}: {form.value} of {done.source}, {done.files} files, {done.size / 1e9:.2f} GB")
    if done.drift is not None:
        _print_drift(done.drift)
    print(f"manifest.json has sha256 {done.manifest}")


def _print_drift(found: "Drift") -> None:
    print(
        f"run by {found.runner}: {found.equal:.1%} of {found.tokens} greedy tokens are those of the served "
        f"model; KL divergence per token {found.kl:.2g} nats, at most {found.kl_max:.2g}"
    )
    if found.prompts is not None:
        print(f"prompts with the same tokens: {found.prompts} of {found.conversations}")
