"""Every error that this program raises on purpose. Pure.

PipelineError
├── InvalidSetting
├── InvalidRequest: UnknownDocument, BodyTooLarge, KeyReused
├── NotSignedIn
├── SignInFailed: ProviderDown
├── NotAllowed
├── QuotaReached
├── LinkRefused: LinkExpired
├── NotFound: NoExport
├── IllegalStep
├── UnreadableSource: RefusedAddress, SourceUnavailable
├── InputChanged
├── ServiceDown
│   ├── StoreDown: StoreRefused, ReadFailed, NotSupported
│   ├── RedisDown: RedisFull
│   ├── DatabaseDown
│   ├── NoticeDown
│   │   ├── WebhookDown: WebhookUnreachable, WebhookGone
│   │   └── MailDown: MailUnencrypted, MailRefused, MailUnanswered
│   └── HerokuDown: HerokuRefused, TooManyCalls
├── QueryFailed
├── SnapshotGone
├── OverLimit
├── ResourceShort
├── ChunkFailed
├── ExportFailed: NotExact
├── PreviewFailed
├── DamagedExport
├── DamagedSegment
├── TimedOut
├── Interrupted
└── Conflict: UploadGone

Each class has `retry` (another try may succeed), `exit_code`, `http_status` and `advice` (what the person can do).
"""

from __future__ import annotations

from .base import PipelineError
from .requests import (
    BodyTooLarge,
    IllegalStep,
    InputChanged,
    InvalidRequest,
    InvalidSetting,
    KeyReused,
    LinkExpired,
    LinkRefused,
    NoExport,
    NotAllowed,
    NotFound,
    NotSignedIn,
    ProviderDown,
    QuotaReached,
    RefusedAddress,
    SignInFailed,
    SourceUnavailable,
    UnknownDocument,
    UnreadableSource,
)
from .services import (
    DatabaseDown,
    HerokuDown,
    HerokuRefused,
    MailDown,
    MailRefused,
    MailUnanswered,
    MailUnencrypted,
    NoticeDown,
    NotSupported,
    ReadFailed,
    RedisDown,
    RedisFull,
    ServiceDown,
    StoreDown,
    StoreRefused,
    TooManyCalls,
    WebhookDown,
    WebhookGone,
    WebhookUnreachable,
)
from .work import (
    ChunkFailed,
    Conflict,
    DamagedExport,
    DamagedSegment,
    ExportFailed,
    Interrupted,
    NotExact,
    OverLimit,
    PreviewFailed,
    QueryFailed,
    ResourceShort,
    SnapshotGone,
    TimedOut,
    UploadGone,
)

__all__ = [
    "BodyTooLarge",
    "ChunkFailed",
    "Conflict",
    "DamagedExport",
    "DamagedSegment",
    "DatabaseDown",
    "ExportFailed",
    "HerokuDown",
    "HerokuRefused",
    "IllegalStep",
    "InputChanged",
    "Interrupted",
    "InvalidRequest",
    "InvalidSetting",
    "KeyReused",
    "LinkExpired",
    "LinkRefused",
    "MailDown",
    "MailRefused",
    "MailUnanswered",
    "MailUnencrypted",
    "NoExport",
    "NotAllowed",
    "NotExact",
    "NotFound",
    "NotSignedIn",
    "NotSupported",
    "NoticeDown",
    "OverLimit",
    "PipelineError",
    "PreviewFailed",
    "ProviderDown",
    "QueryFailed",
    "QuotaReached",
    "ReadFailed",
    "RedisDown",
    "RedisFull",
    "RefusedAddress",
    "ResourceShort",
    "ServiceDown",
    "SignInFailed",
    "SnapshotGone",
    "SourceUnavailable",
    "StoreDown",
    "StoreRefused",
    "TimedOut",
    "TooManyCalls",
    "UnknownDocument",
    "UnreadableSource",
    "UploadGone",
    "WebhookDown",
    "WebhookGone",
    "WebhookUnreachable",
]
