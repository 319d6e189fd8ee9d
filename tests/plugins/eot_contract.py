"""What every end-of-turn plugin must do. A plugin's test class derives from it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from agentd.aio.tasks import TaskOwner
from agentd.audio.frame import join_frames, silent_frame
from agentd.audio.resample import resample
from agentd.eot import EndOfTurnModel, EndOfTurnRequest
from agentd.errors import ModelError
from tests.support.recordings import WORDS, frame_of

ASKED = EndOfTurnRequest(
    audio=join_frames([frame_of("lv-0880"), silent_frame(0.3, 16000)]),
    text=WORDS["lv-0880"],
    language="en",
)
"""A sentence that is complete."""


class EOTContract(ABC):
    """Every test is run against the model that `make` gives."""

    @abstractmethod
    def make(self) -> EndOfTurnModel:
        """A fresh one."""

    @pytest.fixture
    async def model(self) -> AsyncIterator[EndOfTurnModel]:
        """One."""
        async with self.make() as made:
            yield made

    async def test_an_answer_is_a_probability(self, model: EndOfTurnModel) -> None:
        """With the threshold of the language."""
        prediction = await model.predict(ASKED)

        assert 0.0 <= prediction.probability <= 1.0
        assert prediction.threshold == model.threshold("en")

    async def test_the_same_question_has_the_same_answer(self, model: EndOfTurnModel) -> None:
        """Nothing is remembered from call to call."""
        first = await model.predict(ASKED)

        assert await model.predict(ASKED) == first

    async def test_several_questions_at_once_are_answered(self, model: EndOfTurnModel) -> None:
        """Each as if it were alone."""
        alone = await model.predict(ASKED)

        assert await asyncio.gather(*(model.predict(ASKED) for _ in range(4))) == [alone] * 4

    async def test_more_than_it_looks_at_changes_nothing(self, model: EndOfTurnModel) -> None:
        """A turn of a minute is judged by its end."""
        if model.needs != "audio":
            pytest.skip("it judges words")
        long = join_frames([frame_of("jfk")] * 3 + [silent_frame(0.3, 16000)])
        size = 2 * round(model.audio_seconds * 16000)
        end = type(long)(data=long.data[-size:], sample_rate=16000)

        whole, cut = [await model.predict(replace(ASKED, audio=audio)) for audio in (long, end)]

        assert whole == cut

    async def test_audio_of_another_rate_is_judged_alike(self, model: EndOfTurnModel) -> None:
        """As it comes from a room."""
        assert ASKED.audio is not None
        other = replace(ASKED, audio=resample(ASKED.audio, 48000))

        first, second = await model.predict(ASKED), await model.predict(other)

        assert first.probability == pytest.approx(second.probability, abs=0.1)

    async def test_a_question_without_what_it_needs_is_refused(self, model: EndOfTurnModel) -> None:
        """The error says what is missing."""
        with pytest.raises(ModelError, match="and there (is|are) none"):
            await model.predict(EndOfTurnRequest(language="en"))

    async def test_a_language_that_it_does_not_know_is_refused(self, model: EndOfTurnModel) -> None:
        """One that nobody speaks; no language at all is a guess that it takes."""
        assert model.threshold("tlh") is None
        assert model.threshold("") is not None
        with pytest.raises(ModelError, match="can't judge the language 'tlh'"):
            await model.predict(replace(ASKED, language="tlh"))

    async def test_an_answer_is_measured(self, model: EndOfTurnModel) -> None:
        """Once, with the model's name."""
        told: list[tuple[float, str, str]] = []
        model.on(
            "metrics_collected",
            lambda metrics: told.append((metrics.probability, metrics.model, metrics.provider)),
        )

        prediction = await model.predict(ASKED)

        assert told == [(prediction.probability, model.model, model.provider)]

    async def test_the_event_loop_goes_on_meanwhile(self, model: EndOfTurnModel) -> None:
        """A model that computes in the loop would hold up the audio of the call."""
        turns = 0

        async def count_turns() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        async with TaskOwner("turns") as owner:
            owner.start(count_turns(), name="count")
            await model.predict(ASKED)

        assert model.needs == "text" or turns > 0

    async def test_it_can_be_warmed_up_and_closed_again_and_again(
        self, model: EndOfTurnModel
    ) -> None:
        """Warm-up returns at once."""
        for _ in range(3):
            model.prewarm()
        await model.predict(ASKED)
        for _ in range(3):
            await model.aclose()

    async def test_it_names_itself(self, model: EndOfTurnModel) -> None:
        """For logs and metrics."""
        assert "unknown" not in (model.model, model.provider)
