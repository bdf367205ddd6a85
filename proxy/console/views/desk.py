"""What every view works with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from aiohttp import web

from proxy.console import answers
from proxy.console.doorway import csrf_of, person_of
from proxy.console.people import NEEDED, Action
from proxy.console.rendering import Pages
from proxy.console.source import ConsoleSource
from proxy.console.values import Overview

_PAGE: Final = 50
Item = TypeVar("Item")


class PageOf(Generic[Item]):
    """A page of a list: the first where what is asked for means nothing, the last where there are fewer.

    Attributes:
        number: from 1.
        more: whether another follows.
    """

    def __init__(self, items: Sequence[Item], asked: str) -> None:
        """Take it out of all of them."""
        last = max(1, -(-len(items) // _PAGE))
        known = asked.isascii() and asked.isdecimal() and len(asked) < 9
        self.number = min(max(1, int(asked)), last) if known else 1
        self.items = items[(self.number - 1) * _PAGE : self.number * _PAGE]
        self.more = self.number < last


@dataclass(frozen=True, slots=True)
class Desk:
    """The gate, and the templates to show it by."""

    source: ConsoleSource
    pages: Pages = field(default_factory=Pages)

    async def show(
        self,
        request: web.Request,
        template: str,
        overview: Overview | None = None,
        status: int = 200,
        **values: object,
    ) -> web.Response:
        """A page in its frame, which tells of freezes and whatever else is wrong, for whoever asks.

        Args:
            overview: where the view has asked for it already.
        """
        o = await self.source.overview() if overview is None else overview
        person = person_of(request)
        page = self.pages.render(
            template,
            o=o,
            now=o.now,
            here=request.path,
            person=person,
            csrf=csrf_of(request),
            may={action.value: person.role >= NEEDED[action] for action in Action},
            **values,
        )
        return answers.html(page, status)
