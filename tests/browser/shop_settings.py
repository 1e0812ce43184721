"""The settings of the example, with the strictest policy that Django's own admin bears."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shop.settings import *  # noqa: F403
from shop.settings import MIDDLEWARE

POLICY = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'"


def strict(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Add the policy to every page."""

    def respond(request: Any) -> Any:
        response = get_response(request)
        response["Content-Security-Policy"] = POLICY
        return response

    return respond


# The language is that of the browser. It stands after the session, as Django's documentation says.
MIDDLEWARE = [*MIDDLEWARE[:2], "django.middleware.locale.LocaleMiddleware", *MIDDLEWARE[2:]]
MIDDLEWARE = [*MIDDLEWARE, "tests.browser.shop_settings.strict"]
