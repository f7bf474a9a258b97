"""A limit on what the requests of a collection may cost."""

from collections.abc import Sequence
from pathlib import Path

from eva.errors import InputError
from eva.generation.answers import Answer, Answers, Request, bill
from eva.settings.backbones_section import Endpoint


class BudgetedAnswers(Answers):
    """A store of answers that stops a run when all its answers together reach the budget.

    Answers of earlier runs count, because they were paid for. Requests already sent when the budget is
    reached are kept, too, so the cost can exceed it by as many as are sent at the same time.
    """

    def __init__(self, folder: Path, limits: Endpoint, budget: float | None) -> None:
        super().__init__(folder)
        self._limits, self._budget, self._spent = limits, budget, 0.0
        if budget is not None and None in (limits.input_price, limits.output_price):
            raise InputError(
                f"budget {budget:g}: the endpoint has no prices, so nothing is known to cost anything; give "
                "input_price and output_price (per million tokens), or set budget to null"
            )

    def get(self, request: Request) -> Answer | None:
        found = super().get(request)
        if found is not None:
            self._spent += self._cost([found])
        return found

    def permit(self) -> None:
        if self._budget is not None and self._spent >= self._budget:
            raise InputError(
                f"budget {self._budget:g} is used up: answers so far cost {self._spent:.6g}. They are kept: "
                "with a higher budget the same command continues from there"
            )

    def __setitem__(self, request: Request, answer: Answer) -> None:
        super().__setitem__(request, answer)
        self._spent += self._cost([answer])

    def _cost(self, answers: Sequence[Answer]) -> float:
        cost = bill(answers, self._limits)["cost"]
        if cost is None and self._budget is not None:
            raise InputError(
                f"budget {self._budget:g}: the endpoint does not say how many tokens an answer has, so its "
                "cost is unknown; set budget to null"
            )
        return cost or 0.0
