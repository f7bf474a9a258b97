"""`eva export`: a model as a folder for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from eva.export.formats import Format


def export(
    model: Annotated[
        str,
        typer.Argument(
            help="models:/NAME@ALIAS or models:/NAME/VERSION; or a folder below models/dpo or models/sft"
        ),
    ],
    form: Annotated[
        Format, typer.Option("--format", help="the full model, or the LoRA adapter without its base")
    ],
    out: Annotated[Path, typer.Option(help="folder to write; there must be none")],
) -> None:
    """Write a model as a folder that needs no EVA, with the digests of all its files.

    `eva verify FOLDER` compares such a folder with its digests.
    """
    from eva.export.exporting import export as write

    done = write(model, form, out, Path.cwd())
    print(f"{out}: {form.value} of {done.source}, {done.files} files, {done.size / 1e9:.2f} GB")
    print(f"manifest.json has sha256 {done.manifest}")
