"""What raters are asked, in the paper's words, and what they may answer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Criterion:
    """One question to a rater; `name` heads its column, `group` is the paper's category."""

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
    """A kind of sheet.

    A rater enters one of `choices` per criterion. `labels` are the choices once the sides are
    known, from the first system's view, in the same order where the first system is on the left
    and reversed otherwise; `scores` are the labels' worth. `columns` name the response cells.
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
# Section 2 prints no question; Appendix K's wording of the same criterion stands in for it.
COMFORT = _yes_no("comfort", "paper section 2", COMFORTNESS)
VALIDATION = _yes_no("validation", "paper Appendix H", EMOTIONAL_VALIDATION)

FORMS = {form.name: form for form in (PAIRWISE, COMFORT, VALIDATION)}
