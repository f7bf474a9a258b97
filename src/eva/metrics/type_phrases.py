"""The response types of the paper's Appendix D and their phrases."""

TYPE_NAMES = {
    "uv": "Understanding and Validation",
    "sr": "Shared Experiences and Relatability",
    "ep": "Encouragement and Positivity",
    "hc": "Help and Compassion",
    "ss": "Solution Suggestion",
    "o": "Other Types",
}

# The phrases that the paper prints: Table 4 (uv, ep, hc) and Table 5 (ss, sr).
PHRASES: dict[str, tuple[str, ...]] = {
    "uv": (
        "i can feel how", "i can imagine how you feel", "i can see that you are",
        "i can see why you feel that way", "i can understand", "i completely understand", "i get it",
        "i hear you", "i see what you mean", "i see,", "i understand", "it is understandable",
        "it sounds like", "sorry to hear", "that makes sense", "that must have been hard",
        "you must be feeling", "you seem really", "your feelings are",
    ),
    "sr": (
        "i have been", "i have felt that way before", "i know what that's like", "i remember",
        "it is okay to feel this way", "we all go through this sometimes",
    ),
    "ep": (
        "everything will be okay", "keep going", "keep pushing forward", "stay strong",
        "that is a great", "that's good", "things will get better", "you are doing great",
        "you are doing your best", "you're not alone in this", "you are strong", "you can do it",
        "you're doing great", "you're stronger than you think", "you've got this",
    ),
    "hc": (
        "how can i help?", "i am always here", "i am here", "i am sorry you're going through this",
        "i am with you", "i can help", "i care about you", "i could help",
        "i will do my best to help", "if you need any help, let me know",
        "if you need anything else just let me know", "you are important to me",
        "you are not alone", "you can count on me",
    ),
    "ss": (
        "have you considered", "have you thought about", "here are few steps", "here are few things",
        "i also recommend", "i do have some suggestions", "i recommend", "i think you should",
        "i want you to", "i would also recommend", "i would suggest", "it is important to",
        "it may be a good option", "it might be a good option", "just try not to", "just try to",
        "let's", "would you consider", "you can try", "you could", "you have to", "you should try",
    ),
}  # fmt: skip
