"""An end-of-turn model that answers what a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from agentd.eot import EndOfTurnModel, EndOfTurnRequest, threshold_of
from agentd.eot.base import Needs

from .faults import Fault, FaultPlan, Misbehaviour


class FakeEndOfTurn(EndOfTurnModel):
    """Answers the next of some probabilities, the last one for ever; or what a function says.

    `delay` is the loop time that an answer takes.
    """

    def __init__(
        self,
        answers: Iterable[float] | Callable[[EndOfTurnRequest], float] = (1.0,),
        *,
        needs: Needs = "text",
        thresholds: Mapping[str, float] | None = None,
        delay: float = 0.0,
        faults: Iterable[Fault | Misbehaviour | None] = (),
    ) -> None:
        super().__init__()
        self.needs = needs
        self.requests: list[EndOfTurnRequest] = []
        """All that were made, as the model got them."""
        self.faults = FaultPlan(faults)
        """One entry for each request."""
        self.prewarmed = 0
        self._answers = answers if callable(answers) else _in_turn(list(answers))
        self._thresholds = {"en": 0.5} if thresholds is None else dict(thresholds)
        self._delay = delay

    @property
    def model(self) -> str:
        """It has none."""
        return "fake"

    @property
    def provider(self) -> str:
        """This room."""
        return "agentd.testing"

    def threshold(self, language: str) -> float | None:
        """See the base class; 0.5 where the language is not known."""
        return threshold_of(language, self._thresholds, default=0.5)

    def prewarm(self) -> None:
        """Counted."""
        self.prewarmed += 1

    async def estimate(self, request: EndOfTurnRequest) -> float:
        """The next answer."""
        self.requests.append(request)
        fault = self.faults.next()
        if fault is not None:
            await fault.strike()
        if self._delay:
            await asyncio.sleep(self._delay)
        return self._answers(request)


def _in_turn(answers: list[float]) -> Callable[[EndOfTurnRequest], float]:
    def answer(_: EndOfTurnRequest) -> float:
        return answers.pop(0) if len(answers) > 1 else answers[0]

    return answer
