"""Numbers of things in what is printed."""


def count(number: int, noun: str) -> str:
    """`1 version`, `2 versions`; the noun is one whose plural ends in `s` only."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
