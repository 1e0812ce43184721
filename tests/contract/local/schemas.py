"""What a reply of the Platform API must look like, in this project's own words (JSON schema, draft 4).

Written from the published reference: every property the reference lists is required and no other is
allowed. Where the published schema is at hand the same replies are checked against that too.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_UUID = {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
_TIME = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"}
_APP_NAME = {"type": "string", "pattern": "^[a-z][a-z0-9-]{1,28}[a-z0-9]$"}
_TYPE = {"type": "string", "pattern": r"^[-\w]{1,128}$"}
_TEXT = {"type": "string", "minLength": 1}
_FLAG = {"type": "boolean"}
_NOTHING = {"type": "null"}


def _exactly(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


_NAMED = _exactly(id=_UUID, name=_TEXT)
_APP = _exactly(id=_UUID, name=_APP_NAME)

APP = _exactly(
    acm=_FLAG,
    archived_at=_NOTHING,
    build_stack=_NAMED,
    buildpack_provided_description=_TEXT,
    created_at=_TIME,
    generation=_NAMED,
    git_url={"type": "string", "pattern": r"^https://git\.heroku\.com/[a-z][a-z0-9-]{2,29}\.git$"},
    id=_UUID,
    internal_routing=_NOTHING,
    maintenance=_FLAG,
    name=_APP_NAME,
    organization=_NOTHING,
    owner=_exactly(email=_TEXT, id=_UUID),
    region=_NAMED,
    released_at=_TIME,
    repo_size={"type": "integer"},
    slug_size={"type": "integer"},
    space=_NOTHING,
    stack=_NAMED,
    team=_NOTHING,
    updated_at=_TIME,
    web_url=_NOTHING,
)

FORMATION = _exactly(
    app=_APP,
    command=_TEXT,
    created_at=_TIME,
    dyno_size=_NAMED,
    id=_UUID,
    quantity={"type": "integer", "minimum": 0},
    size=_TEXT,
    type=_TYPE,
    updated_at=_TIME,
)

DYNO = _exactly(
    app=_APP,
    attach_url=_NOTHING,
    command=_TEXT,
    created_at=_TIME,
    id=_UUID,
    name={"type": "string", "pattern": r"^[-\w]+\.[1-9][0-9]*$"},
    release=_exactly(id=_UUID, version={"type": "integer"}),
    size=_TEXT,
    state={"enum": ["crashed", "down", "idle", "starting", "up"]},
    type=_TYPE,
    updated_at=_TIME,
)

DYNO_SIZE = _exactly(
    architecture=_TEXT,
    compute={"type": "integer"},
    cost=_exactly(cents={"type": "integer"}, unit=_TEXT),
    dedicated=_FLAG,
    generation=_NAMED,
    id=_UUID,
    memory={"type": "number"},
    name=_TEXT,
    precise_dyno_units={"type": "number"},
    private_space_only=_FLAG,
)

ERROR: Schema = {
    "type": "object",
    "properties": {"id": {"type": "string", "pattern": "^[a-z_]+$"}, "message": _TEXT},
    "required": ["id", "message"],
}

ACCOUNT = _exactly(
    allow_tracking=_FLAG,
    beta=_FLAG,
    country_of_residence=_NOTHING,
    created_at=_TIME,
    default_organization=_NOTHING,
    default_team=_NOTHING,
    delinquent_at=_NOTHING,
    email=_TEXT,
    federated=_FLAG,
    id=_UUID,
    identity_provider=_NOTHING,
    last_login=_NOTHING,
    name=_TEXT,
    sms_number=_NOTHING,
    suspended_at=_NOTHING,
    two_factor_authentication=_FLAG,
    updated_at=_TIME,
    verified=_FLAG,
)

COLLABORATOR = _exactly(
    app=_APP,
    created_at=_TIME,
    id=_UUID,
    permissions={"type": "array"},
    role=_TEXT,
    updated_at=_TIME,
    user=_exactly(email=_TEXT, federated=_FLAG, id=_UUID),
)

RELEASE = _exactly(
    addon_plan_names={"type": "array"},
    app=_APP,
    artifacts={"type": "array"},
    created_at=_TIME,
    current=_FLAG,
    description=_TEXT,
    eligible_for_rollback=_FLAG,
    id=_UUID,
    output_stream_url=_NOTHING,
    slug=_NOTHING,
    status={"enum": ["expired", "failed", "pending", "succeeded"]},
    updated_at=_TIME,
    user=_exactly(email=_TEXT, id=_UUID),
    version={"type": "integer"},
)

LOG_SESSION = _exactly(
    created_at=_TIME,
    id=_UUID,
    logplex_url={"type": "string", "pattern": "^https?://"},
    updated_at=_TIME,
)

SCHEMAS = {
    "account": ACCOUNT,
    "app": APP,
    "collaborator": COLLABORATOR,
    "dyno": DYNO,
    "dyno-size": DYNO_SIZE,
    "formation": FORMATION,
    "log-session": LOG_SESSION,
    "release": RELEASE,
}
