"""The four levels as annotators are taught them: Table 1 of the paper (Figure 8 is a picture)."""

from dataclasses import dataclass

from eva.data.dialogue import LEVEL_NAMES, NO_LEVEL


@dataclass(frozen=True, slots=True)
class LevelDescription:
    """A level's name, what the supporter does at it, and an utterance that shows it."""

    level: int
    name: str
    description: str
    example: str


DESCRIPTIONS = (
    LevelDescription(
        1,
        LEVEL_NAMES[1],
        "The supporter listens actively without expressing their own thoughts or giving advice.",
        "I'm sorry to hear that you're going through that.",
    ),
    LevelDescription(
        2,
        LEVEL_NAMES[2],
        "Empathy is expressed by paraphrasing the help-seeker's situation and emotions.",
        "It sounds like you're feeling really down and discouraged because of the interview results.",
    ),
    LevelDescription(
        3,
        LEVEL_NAMES[3],
        "The supporter confirms that the help-seeker's feelings are valid and natural to reduce emotional "
        "distress.",
        "Separation can be incredibly difficult, especially when children are involved. It's completely "
        "normal to feel disgusted and frustrated with the situation.",
    ),
    LevelDescription(
        4,
        LEVEL_NAMES[4],
        "The supporter acknowledges the help-seeker's inherent worth and shared human experience to "
        "facilitate self-validation.",
        "It's important to prioritize your well-being. If this job is taking a toll on you, consider "
        "exploring other career options that align with your values and skills. In the meantime, find ways "
        "to decompress, like engaging in hobbies or spending time with loved ones. Remember, it's okay to "
        "put yourself first.",
    ),
)
# What can be answered in the second round, in the order of the keys 0 to 4.
LABELS = {NO_LEVEL: "None of them", **LEVEL_NAMES}
