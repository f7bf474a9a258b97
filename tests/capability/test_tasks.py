"""lm-eval run for real on tiny models: names, refusals, values."""

from pathlib import Path

import pytest
from tests.capability.conftest import QUESTIONS

from eva.capability import lm_eval_tasks as harness
from eva.capability.differences import Comparison, compare
from eva.errors import InputError
from eva.models.loading import Policy, load_policy, load_tokenizer
from eva.report.paper_values import GENERAL_ABILITY
from eva.settings.capability_section import Capability

pytestmark = pytest.mark.slow
pytest.importorskip("lm_eval", reason="pip install -e '.[capability]' -c constraints.txt")


def section(task_path: Path, *tasks: str) -> Capability:
    return Capability(
        before="base", after="eva", tasks=list(tasks), task_path=task_path, batch_size=2, precision="fp32"
    )


@pytest.fixture(scope="module")
def compared(before: Policy, after: Policy, task_path: Path) -> Comparison:
    return compare(before, after, section(task_path, "sense", "stories", "pages"))


def _accuracy(policy: Policy) -> float:
    """Share of questions whose answer is likelier than the other choices, straight from the model."""
    import torch

    adapter = Path(policy.adapter) if policy.adapter else None
    model, tokenizer = load_policy(Path(policy.model), adapter), load_tokenizer(Path(policy.model))
    right = 0
    for question, choices, answer in QUESTIONS:
        head = tokenizer(f"{question}\nAnswer:", add_special_tokens=False)["input_ids"]
        likelihoods = []
        for choice in choices:
            ids = tokenizer(f"{question}\nAnswer: {choice}", add_special_tokens=False)["input_ids"]
            assert ids[: len(head)] == head
            with torch.no_grad():
                logits = model(torch.tensor([ids])).logits[0].log_softmax(-1)
            said = ids[len(head) :]
            likelihoods.append(sum(logits[len(head) + i - 1, token].item() for i, token in enumerate(said)))
        right += likelihoods.index(max(likelihoods)) == answer
    return right / len(QUESTIONS)


def test_accuracy_is_that_of_the_models_likelihoods(
    compared: Comparison, before: Policy, after: Policy
) -> None:
    found = compared.scores["sense/acc"]
    assert found.before == pytest.approx(_accuracy(before))
    assert found.after == pytest.approx(_accuracy(after))
    assert found.difference == pytest.approx(found.after - found.before)
    assert found.paired and found.n == len(QUESTIONS)


def test_the_adapter_is_applied(compared: Comparison) -> None:
    perplexity = compared.scores["pages/word_perplexity"]
    assert perplexity.before > 1 and perplexity.difference != 0
    assert perplexity.higher_is_better is False and not perplexity.paired


def test_coqa_scores_come_from_here(compared: Comparison) -> None:
    assert set(compared.scores) >= {"stories/em", "stories/f1"}
    assert 0 <= compared.scores["stories/f1"].before <= 1


def test_provenance_names_both_models_and_the_harness(compared: Comparison) -> None:
    origin = compared.provenance
    assert origin["before"]["adapter"] is None and origin["after"]["adapter"]
    assert origin["before"]["model"] == origin["after"]["model"]
    assert origin["lm_eval"] and set(origin["shots"].values()) == {0}
    assert compared.parts == {}


def test_the_same_model_twice_differs_by_nothing(before: Policy, task_path: Path) -> None:
    found = compare(before, before, section(task_path, "sense")).scores["sense/acc"]
    assert (found.difference, found.stderr) == (0.0, 0.0)


def test_limit_is_obeyed(before: Policy, task_path: Path) -> None:
    limited = section(task_path, "sense").model_copy(update={"limit": 3})
    assert compare(before, before, limited).scores["sense/acc"].n == 3


def test_all_unknown_names_at_once_with_the_nearest_and_before_a_model_loads(task_path: Path) -> None:
    absent = Policy("models/absent", None, "eva", None)
    with pytest.raises(InputError, match="2 problems") as caught:
        compare(absent, absent, section(task_path, "hellaswagg", "sense", "humanevl"))
    message = str(caught.value)
    assert "'hellaswagg' is not a task of lm-eval" in message and "Nearest: hellaswag" in message
    assert "humaneval" in message
    assert "Files there that hold no task: broken.yaml" in message


def test_code_of_the_model_runs_only_with_leave(task_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(harness.CODE_ALLOWED, raising=False)
    with pytest.raises(InputError, match=r"'both' runs code that the model wrote.*HF_ALLOW_CODE_EVAL=1"):
        harness.find_tasks(["sense", "both"], task_path)
    monkeypatch.setenv(harness.CODE_ALLOWED, "1")
    assert harness.find_tasks(["sense", "both"], task_path)


def test_data_that_is_not_there_is_named_before_a_model_loads(tmp_path: Path) -> None:
    (tmp_path / "lost.yaml").write_text(
        "task: lost\ndataset_path: json\ndataset_kwargs: {data_files: {test: nowhere.jsonl}}\n"
        "test_split: test\noutput_type: generate_until\ndoc_to_text: a\ndoc_to_target: b\n"
    )
    with pytest.raises(InputError, match=r"'lost' cannot be loaded.*nowhere.jsonl"):
        harness.find_tasks(["lost"], tmp_path)


def test_the_tasks_of_table_13_are_known_and_humaneval_is_one_of_code(
    task_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(harness.CODE_ALLOWED, raising=False)
    with pytest.raises(InputError, match=r"1 problem\n.*'humaneval' runs code"):
        harness.find_tasks(list(GENERAL_ABILITY), task_path)


def test_the_sample_task_loads(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    manager = harness.find_tasks(["everyday_sense"], root / "data" / "sample" / "tasks")
    (task,) = manager.load(["everyday_sense"])["tasks"].values()
    assert len(task.eval_docs) == 24
