"""All operations in two tables: what is registered, and what each needs.

The HTTP API (/v1), whose description is made from its table (GET /v1/openapi.json), and what the panel's pages ask
for beyond it (/panel).
"""

from __future__ import annotations

from flask import Blueprint, Response

from ..exports import views
from ..exports.views import API
from ..settings import Scope
from ..tasks.child.preview import Preview
from . import api, documents, inputs, overview, previews, scaling
from .answers import json_answer
from .auth import services
from .openapi import describe
from .route import Answers, Route

blueprint = Blueprint("api", __name__, url_prefix=API)


def description() -> Response:
    """Describe this API by OpenAPI 3.1."""
    return json_answer(describe(ROUTES, services().settings.base_url))


EXPORT, INPUT = "/exports/<export_id>", "/inputs/<file_id>"
SHOWN: Answers = {200: views.ExportShown, 304: None}
ACCEPTED: Answers = {200: views.ExportAccepted, 202: views.ExportAccepted}
ROUTES = (
    Route("POST", "/exports", api.submit, ACCEPTED, body=api.ExportBody, refusals=(409, 429)),
    Route("GET", "/exports", api.listed, {200: api.Exports, 304: None}, query=api.ListQuery),
    Route("GET", EXPORT, api.show, SHOWN),
    Route("DELETE", EXPORT, api.cancel_or_remove, {200: views.ExportShown, 204: None}, refusals=(409,)),
    Route("POST", f"{EXPORT}/retry", api.retry, {202: views.ExportShown}, refusals=(409, 429)),
    Route("POST", f"{EXPORT}/again", api.ask_again, ACCEPTED, refusals=(409, 410, 422, 429)),
    Route("POST", f"{EXPORT}/replay", api.replay, {202: views.ExportShown}, refusals=(409,)),
    Route("GET", f"{EXPORT}/download", api.download, {302: None}, refusals=(409, 410)),
    Route("GET", f"{EXPORT}/download/<int:volume>", api.download_volume, {302: None}, refusals=(409, 410)),
    Route("POST", "/inputs", inputs.begin, {201: inputs.InputShown}, body=inputs.InputBody, refusals=(404,)),
    Route("GET", INPUT, inputs.show, {200: inputs.InputShown}),
    Route("POST", f"{INPUT}/parts", inputs.sign_parts, {200: inputs.PartUrls}, body=inputs.PartsBody),
    Route("POST", f"{INPUT}/complete", inputs.complete, {200: inputs.InputShown}, refusals=(409, 422)),
    Route("DELETE", INPUT, inputs.remove, {204: None}, own_scope=Scope.ASK),
    Route("POST", "/previews", previews.make, {200: Preview}, body=previews.PreviewBody, refusals=(429,)),
    Route("GET", "/documents", documents.listed, {200: documents.Documents}),
    Route("GET", "/estimate", scaling.estimate, {200: scaling.Estimates}, query=scaling.EstimateQuery),
    Route("GET", "/scaler", scaling.scaler, {200: scaling.Scaler}),
    Route("GET", "/schedules", scaling.schedules, {200: scaling.Schedules}),
    Route("GET", "/openapi.json", description, {200: dict}),
)
UNSAID: Answers = {}
OF_THE_PANEL = (
    Route("GET", "/exports", overview.recent, UNSAID),
    Route("GET", EXPORT, overview.show, UNSAID),
    # A person may do the next three with its own exports; with those of others, one whose role is operate.
    Route("DELETE", EXPORT, overview.cancel_or_remove, UNSAID, own_scope=Scope.ASK),
    Route("POST", f"{EXPORT}/retry", overview.retry, UNSAID),
    Route("POST", f"{EXPORT}/again", overview.ask_again, UNSAID),
    Route("GET", f"{EXPORT}/download", overview.download, UNSAID),
    Route("GET", f"{EXPORT}/download/<int:volume>", overview.download_volume, UNSAID),
    Route("GET", "/scaler", overview.scaler, UNSAID),
)
for where, routes in ((blueprint, ROUTES), (overview.blueprint, OF_THE_PANEL)):
    for route in routes:
        where.add_url_rule(route.path, route.name, route.view, methods=[route.method])
