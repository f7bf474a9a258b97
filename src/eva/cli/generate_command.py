"""`eva generate`: generate a file of responses for `eva score` with a local or a served model."""

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
    """Where the model runs: here with transformers, at an endpoint, or here with vLLM."""

    LOCAL = "local"
    OPENAI = "openai"
    VLLM = "vllm"


class Prompt(StrEnum):
    """The system prompt: that of the paper's Table 3, or EVA's chain-of-thought prompt."""

    EVA = "eva"
    COT = "cot"


# Options, each with its help; those of LIMITS are for endpoints only.
Prepared = Annotated[
    Path, typer.Option(help="folder written by the stage `prepare`, e.g. data/prepared/esconv")
]
Model = Annotated[str, typer.Option(help="folder of a model, or its name at the endpoint")]
Out = Annotated[Path, typer.Option(metavar="FILE.jsonl", help="file to write; provenance goes to FILE.json")]
OfBackend = Annotated[
    Backend, typer.Option(help="local: transformers; openai: a compatible endpoint; vllm: vLLM")
]
OfPrompt = Annotated[Prompt, typer.Option(help="eva: the paper's Table 3; cot: chain of thought")]
Split = Annotated[str, typer.Option(help="train, valid or test")]
Seed = Annotated[int, typer.Option(min=0, help="seed of sampling")]
Params = Annotated[Path, typer.Option(help="params file, of which section `generate` is used")]
Adapter = Annotated[Path | None, typer.Option(help="folder of a LoRA adapter", rich_help_panel=LOCAL)]
Store = Annotated[
    Path,
    typer.Option(help="checkpoint folder to resume from", envvar="EVA_CHECKPOINTS", rich_help_panel=LOCAL),
]
Answers = Annotated[
    Path,
    typer.Option(
        help="folder where responses of the endpoint are kept", envvar="EVA_ANSWERS", rich_help_panel=LIMITS
    ),
]
Concurrency = Annotated[
    int | None, typer.Option(min=1, help="requests sent at the same time [4]", rich_help_panel=LIMITS)
]
PerMinute = Annotated[
    int | None, typer.Option(min=1, help="most requests per minute", rich_help_panel=LIMITS)
]
Retries = Annotated[
    int | None, typer.Option(min=0, help="retries of one request [8]", rich_help_panel=LIMITS)
]
Timeout = Annotated[
    float | None,
    typer.Option(min=0.1, help="seconds to wait for one response [120]", rich_help_panel=LIMITS),
]
InputPrice = Annotated[
    float | None, typer.Option(min=0, help="price per million input tokens", rich_help_panel=LIMITS)
]
OutputPrice = Annotated[
    float | None, typer.Option(min=0, help="price per million output tokens", rich_help_panel=LIMITS)
]
Request = Annotated[
    str | None,
    typer.Option(
        metavar="JSON",
        help='fields added to every request, e.g. {"max_tokens": null, "max_completion_tokens": 200}',
        rich_help_panel=LIMITS,
    ),
]


def generate(
    prepared: Prepared,
    model: Model,
    out: Out,
    backend: OfBackend = Backend.LOCAL,
    prompt: OfPrompt = Prompt.EVA,
    split: Split = "test",
    seed: Seed = 1,
    params: Params = Path("params.yaml"),
    adapter: Adapter = None,
    store: Store = Path(".eva/checkpoints"),
    answers: Answers = Path(".eva/answers"),
    concurrency: Concurrency = None,
    rpm: PerMinute = None,
    retries: Retries = None,
    timeout: Timeout = None,
    input_price: InputPrice = None,
    output_price: OutputPrice = None,
    request: Request = None,
) -> None:
    """Generate a response for every supporter turn of a split, given the human dialogue before it.

    URL and key of an endpoint come from OPENAI_BASE_URL and OPENAI_API_KEY. Every response is kept on
    disk: after an interruption the same command continues, and nothing is paid for twice.
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
    """Write the provenance beside the responses, and print the counts."""
    provenance = out.with_suffix(".json")
    write_json(provenance, made.provenance)
    for name, value in made.counts.items():
        print(f"{name}: {value}")
    print(f"written: {out}, {provenance}")


def _check(out: Path, backend: Backend, adapter: Path | None, limits: Collection[str]) -> None:
    problems = []
    if out.suffix != ".jsonl":
        problems.append(
            f"--out {out}: the name must end in .jsonl; provenance is written to the same name .json"
        )
    if backend is Backend.OPENAI and adapter is not None:
        problems.append("--adapter: not for an endpoint; let the server load the adapter under a model name")
    if backend is not Backend.OPENAI and limits:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in limits)
        problems.append(f"{options}: only for --backend openai, not {backend.value}; leave it out")
    raise_if(problems, "eva generate")


def _fields(text: str) -> dict[str, Any]:
    try:
        given = parse_json(text)
    except InputError as error:
        raise InputError(f"--request {text!r}: {error}") from None
    if not isinstance(given, dict):
        raise InputError(f'--request {text!r}: give a JSON object, e.g. {{"repetition_penalty": 1.1}}')
    return given


def _limits(given: Mapping[str, Any]) -> Endpoint:
    """The settings of requests to the endpoint from the given options, else their defaults."""
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
