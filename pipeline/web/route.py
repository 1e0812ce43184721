"""An operation of the web process: its address, what it needs, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from werkzeug.wrappers import Response as AnyResponse

from ..exports import audit
from ..settings import Scope
from .auth import need

Answers = Mapping[int, type | None]
SCOPES = {"GET": Scope.READ, "POST": Scope.ASK, "DELETE": Scope.ALL}


@dataclass(frozen=True)
class Route:
    """An operation. `answers` are the types of its bodies by status, None without one; `refusals` are statuses of
    errors, beside those that follow from its path, its body and its query."""

    method: str
    path: str
    do: Callable[..., AnyResponse]
    answers: Answers
    body: type | None = None
    query: type | None = None
    refusals: tuple[int, ...] = ()
    own_scope: Scope | None = None  # if its method does not say it

    @property
    def scope(self) -> Scope:
        """What a caller needs for it."""
        return self.own_scope or SCOPES[self.method]

    @property
    def name(self) -> str:
        """The name of the operation, such as exports_retry."""
        return f"{self.path.split('/')[1].split('.')[0]}_{self.do.__name__}"

    @property
    def view(self) -> Callable[..., AnyResponse]:
        """What Flask calls. Every operation needs a caller who may do it."""

        @wraps(self.do)
        def view(**named: Any) -> AnyResponse:
            with audit.doing(need(self.scope).name):
                return self.do(**named)

        return view
