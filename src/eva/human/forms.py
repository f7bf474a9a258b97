"""The questions to raters, in the words of the paper, and the possible answers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Criterion:
    """One question to a rater; `name` is its column in the sheet, `group` the paper's category."""

    name: str
    title: str
    group: str
    question: str


COMFORTNESS = Criterion(
    "comfortness",
    "Comfortness",
    "Emotional Support",
    "Does the help-seeker feel comforted by the supporter's utterance?",
)
COMPREHENSIBILITY = Criterion(
    "comprehensibility",
    "Comprehensibility",
    "Emotional Support",
    "Does the supporter understand the help-seeker's feelings?",
)
EMOTIONAL_VALIDATION = Criterion(
    "emotional_validation",
    "Emotional Validation",
    "Emotional Validation",
    "Does the supporter's utterance align with the concept of emotional validation?",
)
FLUENCY = Criterion(
    "fluency",
    "Fluency",
    "General",
    "Does the supporter's utterance flow naturally and smoothly?",
)


@dataclass(frozen=True)
class Form:
    """A kind of rating sheet.

    Attributes:
        name: its name in `key.json`.
        source: where the paper describes it.
        criteria: the questions.
        columns: the columns with responses; one, or two for a comparison.
        choices: what a rater can enter for each criterion.
        labels: what the choices mean for the first system, if it is on the left; reversed if it is on
            the right.
        scores: the human score of each label.
    """

    name: str
    source: str
    criteria: tuple[Criterion, ...]
    columns: tuple[str, ...]
    choices: tuple[str, ...]
    labels: tuple[str, ...]
    scores: tuple[int, ...]

    @property
    def is_pairwise(self) -> bool:
        return len(self.columns) == 2


def _yes_no(name: str, source: str, criterion: Criterion) -> Form:
    return Form(name, source, (criterion,), ("response",), ("yes", "no"), ("yes", "no"), (1, 0))


PAIRWISE = Form(
    name="pairwise",
    source="paper section 6.3, Appendix K",
    criteria=(COMFORTNESS, COMPREHENSIBILITY, EMOTIONAL_VALIDATION, FLUENCY),
    columns=("left_response", "right_response"),
    choices=("left", "tie", "right"),
    labels=("win", "tie", "lose"),
    scores=(1, 0, -1),
)
# Section 2 gives no question; this is Appendix K's question for the same criterion.
COMFORT = _yes_no("comfort", "paper section 2", COMFORTNESS)
VALIDATION = _yes_no("validation", "paper Appendix H", EMOTIONAL_VALIDATION)

FORMS = {form.name: form for form in (PAIRWISE, COMFORT, VALIDATION)}
