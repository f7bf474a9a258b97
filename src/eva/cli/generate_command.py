"""`eva generate`: a file of responses for `eva score`, by a local or a served model."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eva.artifacts import write_json
from eva.errors import InputError, raise_if
from eva.plain_text import parse_json
from eva.settings.backbones_section import Endpoint
from eva.settings.params_file import read_settings

if TYPE_CHECKING:
    from eva.generation.local import Generated

LIMITS, LOCAL = "Endpoint (openai)", "Weights (local, vllm)"


class Backend(StrEnum):
    """Who computes."""

    LOCAL = "local"
    OPENAI = "openai"
    VLLM = "vllm"


class Prompt(StrEnum):
    """What the model is told: Table 3 of the paper, or our chain of thought."""

    EVA = "eva"
    COT = "cot"


def generate(
    prepared: Annotated[Path, typer.Option(help="out of the `prepare` stage, e.g. data/prepared/esconv")],
    model: Annotated[str, typer.Option(help="folder of a model, or its name at the endpoint")],
    out: Annotated[Path, typer.Option(metavar="FILE.jsonl", help="responses; provenance goes to FILE.json")],
    backend: Annotated[Backend, typer.Option(help="openai: any compatible endpoint")] = Backend.LOCAL,
    prompt: Annotated[Prompt, typer.Option(help="of the paper's Table 3, or chain of thought")] = Prompt.EVA,
    split: Annotated[str, typer.Option(help="of the corpus")] = "test",
    seed: Annotated[int, typer.Option(min=0, help="of the sampling")] = 1,
    params: Annotated[Path, typer.Option(help="settings, section `generate`")] = Path("params.yaml"),
    adapter: Annotated[Path | None, typer.Option(help="LoRA folder", rich_help_panel=LOCAL)] = None,
    store: Annotated[
        Path,
        typer.Option(
            help="checkpoint folder to resume from", envvar="EVA_CHECKPOINTS", rich_help_panel=LOCAL
        ),
    ] = Path(".eva/checkpoints"),
    answers: Annotated[
        Path, typer.Option(help="folder of paid answers", envvar="EVA_ANSWERS", rich_help_panel=LIMITS)
    ] = Path(".eva/answers"),
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="requests at once [4]", rich_help_panel=LIMITS)
    ] = None,
    rpm: Annotated[
        int | None, typer.Option(min=1, help="requests a minute, at most", rich_help_panel=LIMITS)
    ] = None,
    retries: Annotated[
        int | None, typer.Option(min=0, help="of one request [8]", rich_help_panel=LIMITS)
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0.1, help="seconds for one answer [120]", rich_help_panel=LIMITS)
    ] = None,
    input_price: Annotated[
        float | None, typer.Option(min=0, help="per million tokens", rich_help_panel=LIMITS)
    ] = None,
    output_price: Annotated[
        float | None, typer.Option(min=0, help="per million tokens", rich_help_panel=LIMITS)
    ] = None,
    request: Annotated[
        str | None,
        typer.Option(
            metavar="JSON",
            help='fields for every request, e.g. {"max_tokens": null, "max_completion_tokens": 200}',
            rich_help_panel=LIMITS,
        ),
    ] = None,
) -> None:
    """Answer every supporter turn of a split, given the gold history.

    An endpoint's address and key come from OPENAI_BASE_URL and OPENAI_API_KEY. Every answer is kept
    on disk: after an interruption the same command goes on, and nothing is paid twice.
    """
    from eva.data.dialogue import subset
    from eva.data.prepare import read_split
    from eva.generation.local import generate_file
    from eva.generation.remote import generate_remote
    from eva.generation.vllm_engine import generate_vllm
    from eva.models.endpoint import Served
    from eva.models.loading import Policy

    limits = {
        "concurrency": concurrency,
        "rpm": rpm,
        "retries": retries,
        "timeout": timeout,
        "input_price": input_price,
        "output_price": output_price,
        "request": request,
    }
    given = {name: value for name, value in limits.items() if value is not None}
    _check(out, backend, adapter, given)
    settings = read_settings(params).generate
    work = (subset(read_split(prepared, split), settings.max_dialogues), settings, seed, out)
    policy = Policy(model, str(adapter) if adapter else None, prompt.value, None)
    if backend is Backend.VLLM:
        made = generate_vllm(policy, *work)
    elif backend is Backend.LOCAL:
        made = generate_file(policy, *work, store)
    else:
        made = generate_remote(Served.here(model, _limits(given)), prompt.value, *work, answers)
    _write(made, out)


def _write(made: "Generated", out: Path) -> None:
    """The provenance beside the responses, and the counts on the screen."""
    provenance = out.with_suffix(".json")
    write_json(provenance, made.provenance)
    for name, value in made.counts.items():
        print(f"{name}: {value}")
    print(f"written: {out}, {provenance}")


def _check(out: Path, backend: Backend, adapter: Path | None, limits: Collection[str]) -> None:
    problems = []
    if out.suffix != ".jsonl":
        problems.append(f"--out {out}: name it *.jsonl; the provenance gets the same name with .json")
    if backend is Backend.OPENAI and adapter is not None:
        problems.append("--adapter: an endpoint takes no adapter; serve the adapted model under a name")
    if backend is not Backend.OPENAI and limits:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in limits)
        problems.append(f"{options}: of an endpoint, which --backend {backend.value} does not ask; leave out")
    raise_if(problems, "eva generate")


def _fields(text: str) -> dict[str, Any]:
    try:
        given = parse_json(text)
    except InputError as error:
        raise InputError(f"--request {text!r}: {error}") from None
    if not isinstance(given, dict):
        raise InputError(f'--request {text!r}: give an object, e.g. {{"repetition_penalty": 1.1}}')
    return given


def _limits(given: Mapping[str, Any]) -> Endpoint:
    """The endpoint's settings, with their defaults where an option is not given."""
    from pydantic import ValidationError

    names = {"rpm": "requests_per_minute"}
    values = {names.get(name, name): value for name, value in given.items()}
    if "request" in values:
        values["request"] = _fields(values["request"])
    try:
        return Endpoint(**values)
    except ValidationError as error:
        raise_if((f"{one['loc'][0]}: {one['msg']}" for one in error.errors()), "eva generate")
        raise
