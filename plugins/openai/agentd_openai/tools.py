"""Tools that OpenAI itself runs, for `responses.LLM`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

from agentd.llm import ProviderTool


class OpenAITool(ProviderTool):
    """A tool that OpenAI runs while it makes a reply."""

    @abstractmethod
    def entry(self) -> dict[str, Any]:
        """It among the tools of a request."""


class WebSearch(OpenAITool):
    """The model may search the web.

    Args:
        search_context_size: How much of what was found the model reads.
        user_location: Where the user is about, such as `{"type": "approximate", "country": "DE"}`.
        filters: Such as `{"allowed_domains": ["example.com"]}`.
    """

    def __init__(
        self,
        *,
        search_context_size: Literal["low", "medium", "high"] | None = "medium",
        user_location: dict[str, Any] | None = None,
        filters: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(id="openai_web_search")
        self._settings = {
            "search_context_size": search_context_size,
            "user_location": user_location,
            "filters": filters,
        }

    def entry(self) -> dict[str, Any]:
        """See the base class."""
        return {"type": "web_search", **_given(self._settings)}


class FileSearch(OpenAITool):
    """The model may search files that were put into vector stores at OpenAI."""

    def __init__(
        self,
        *,
        vector_store_ids: Sequence[str],
        max_num_results: int | None = None,
        filters: dict[str, Any] | None = None,
        ranking_options: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(id="openai_file_search")
        self._stores = list(vector_store_ids)
        self._settings = {
            "max_num_results": max_num_results,
            "filters": filters,
            "ranking_options": ranking_options,
        }

    def entry(self) -> dict[str, Any]:
        """See the base class."""
        return {
            "type": "file_search",
            "vector_store_ids": self._stores,
            **_given(self._settings),
        }


class CodeInterpreter(OpenAITool):
    """The model may run Python in a container at OpenAI's: an id of one, or what it has."""

    def __init__(self, *, container: str | dict[str, Any] | None = None) -> None:
        super().__init__(id="openai_code_interpreter")
        self._container = container or {"type": "auto"}

    def entry(self) -> dict[str, Any]:
        """See the base class."""
        return {"type": "code_interpreter", "container": self._container}


def _given(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}
