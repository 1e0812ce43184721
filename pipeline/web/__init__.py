"""The web process: a page with a Download button, and the HTTP API behind it.

Gunicorn serves it: `gunicorn --config python:pipeline.web.gunicorn 'pipeline.web:create_app()'`.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta

from flask import Flask, Response
from werkzeug.middleware.proxy_fix import ProxyFix

from ..adapters.bucket import REQUEST
from ..exports.links import check_secret_key
from ..services import Services
from ..settings import Settings
from ..tasks.app import open_with_celery
from ..tasks.child.beside import Beside
from ..tasks.child.pipe import ChildPipe
from ..tasks.child.preview import Previews
from . import errors, health, metrics, moved, overview, panel, previews, routes, sessions, sign_in, words
from .auth import EXTENSION
from .recent import Recent

YEAR = 365 * 86400


def create_app(services: Services | None = None) -> Flask:
    """Return the WSGI application. Without `services` it opens those of the environment.

    Raises InvalidSetting if a variable is missing or wrong.
    """
    pipe = ChildPipe(services.settings if services else Settings.from_env(os.environ))
    services = services or _services(pipe)
    settings = services.settings
    check_secret_key(settings)
    app = Flask(__name__)
    app.extensions[EXTENSION] = services
    app.extensions[overview.EXTENSION] = Recent(services)
    app.extensions[previews.EXTENSION] = Previews(pipe)
    app.extensions[sign_in.EXTENSION] = sign_in.open_issuer(settings)
    app.config.update(_config(settings))
    app.url_map.merge_slashes = False  # its redirects use the Host header, which the client chooses
    for each in (routes, overview, moved, panel, sign_in, health, metrics):
        app.register_blueprint(each.blueprint)
    app.context_processor(words.for_templates)
    errors.install(app)
    headers = _headers(settings)

    @app.after_request
    def harden(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        return response

    if _is_https(settings):
        # A router in front ends TLS and appends the client's address to X-Forwarded-For.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]  # Flask's way
    return app


def _services(pipe: ChildPipe) -> Services:
    """Open the services of the web process, whose queue makes small exports itself unless INLINE_SECONDS is 0."""
    services = open_with_celery(pipe.settings, REQUEST)
    return replace(services, queue=Beside(services, pipe)) if pipe.settings.inline_seconds else services


def _config(settings: Settings) -> dict[str, object]:
    return {
        "SECRET_KEY": settings.secret_keys[0],
        "SECRET_KEY_FALLBACKS": list(settings.secret_keys[1:]),
        "MAX_CONTENT_LENGTH": settings.max_body_bytes,
        "PERMANENT_SESSION_LIFETIME": timedelta(hours=sessions.HOURS),
        "SESSION_REFRESH_EACH_REQUEST": False,  # the session ends 12 hours after sign-in, used or not
        "SESSION_COOKIE_NAME": "pipeline",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": _is_https(settings),
    }


def _headers(settings: Settings) -> dict[str, str]:
    """Return the headers of every response. No form-action: the redirect after sign-in may lead to the bucket."""
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    if _is_https(settings):
        headers["Strict-Transport-Security"] = f"max-age={YEAR}"
    return headers


def _is_https(settings: Settings) -> bool:
    return settings.base_url.startswith("https://")
