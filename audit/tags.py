"""The vocabulary of the trail: `<noun>:<past participle>`. A tag is never renamed or reused."""

from enum import StrEnum


class Log(StrEnum):
    """The two logs of an environment: what people and programs changed, and every request."""

    ADMIN = "admin"
    ACCESS = "access"


class Tag(StrEnum):
    """What an administrative event says happened. Each belongs to an environment unless it is listed below."""

    ACCESS_CHANGED = "access:changed"
    ACCESS_GIVEN = "access:given"
    ACCESS_WITHDRAWN = "access:withdrawn"
    AGREEMENT_BOUNCED = "agreement:bounced"
    AGREEMENT_CHANGED = "agreement:changed"
    AGREEMENT_CONSENTED = "agreement:consented"
    AGREEMENT_CORRECTED = "agreement:corrected"
    AGREEMENT_CREATED = "agreement:created"
    AGREEMENT_DECLINED = "agreement:declined"
    AGREEMENT_DELEGATED = "agreement:delegated"
    AGREEMENT_EXPIRED = "agreement:expired"
    AGREEMENT_EXTENDED = "agreement:extended"
    AGREEMENT_REMINDED = "agreement:reminded"
    AGREEMENT_REMOVED = "agreement:removed"
    AGREEMENT_SEALED = "agreement:sealed"
    AGREEMENT_SENT = "agreement:sent"
    AGREEMENT_SIGNED = "agreement:signed"
    AGREEMENT_TEMPLATE_CHANGED = "agreement_template:changed"
    AGREEMENT_TEMPLATE_CREATED = "agreement_template:created"
    AGREEMENT_TEMPLATE_REMOVED = "agreement_template:removed"
    AGREEMENT_TEMPLATE_SENT = "agreement_template:sent"
    AGREEMENT_TEMPLATE_STOPPED = "agreement_template:stopped"
    AGREEMENT_VIEWED = "agreement:viewed"
    AGREEMENT_VOIDED = "agreement:voided"
    API_KEY_AGED = "api_key:aged"
    API_KEY_CREATED = "api_key:created"
    API_KEY_EXPIRING = "api_key:expiring"
    API_KEY_NEW_NETWORK = "api_key:new_network"
    API_KEY_REVOKED = "api_key:revoked"
    API_KEY_ROTATED = "api_key:rotated"
    ARTIFACT_CHANGED = "artifact:changed"
    ARTIFACT_CREATED = "artifact:created"
    ARTIFACT_DEPLOYED = "artifact:deployed"
    ARTIFACT_LINK_CREATED = "artifact_link:created"
    ARTIFACT_LINK_OPENED = "artifact_link:opened"
    ARTIFACT_LINK_REVOKED = "artifact_link:revoked"
    ARTIFACT_REMOVED = "artifact:removed"
    ARTIFACT_ROLLED_BACK = "artifact:rolled_back"
    BRAND_CHANGED = "brand:changed"
    CREDENTIALS_ISSUED = "credentials:issued"
    CREDENTIALS_REVOKED = "credentials:revoked"
    DATABASE_CHANGED = "database:changed"
    DIRECTORY_TOKEN_CREATED = "directory_token:created"
    DIRECTORY_TOKEN_REVOKED = "directory_token:revoked"
    DOMAIN_ADDED = "domain:added"
    DOMAIN_LAPSED = "domain:lapsed"
    DOMAIN_REMOVED = "domain:removed"
    DOMAIN_VERIFIED = "domain:verified"
    ERASURE_APPROVED = "erasure:approved"
    ERASURE_CANCELLED = "erasure:cancelled"
    ERASURE_REQUESTED = "erasure:requested"
    EXPORT_COMPLETED = "export:completed"
    EXPORT_DOWNLOADED = "export:downloaded"
    EXPORT_REMOVED = "export:removed"
    EXPORT_REQUESTED = "export:requested"
    GROUP_CREATED = "group:created"
    GROUP_MEMBER_ADDED = "group:member_added"
    GROUP_MEMBER_REMOVED = "group:member_removed"
    GROUP_REMOVED = "group:removed"
    GROUP_RENAMED = "group:renamed"
    HOLD_LIFTED = "hold:lifted"
    HOLD_PLACED = "hold:placed"
    INVITATION_REVOKED = "invitation:revoked"
    JOB_DISCARDED = "job:discarded"
    JOB_RETRIED = "job:retried"
    KEY_DESTROYED = "key:destroyed"
    KEY_DESTRUCTION_APPROVED = "key:destruction_approved"
    KEY_DESTRUCTION_CANCELLED = "key:destruction_cancelled"
    KEY_DESTRUCTION_REQUESTED = "key:destruction_requested"
    KEY_MOVED = "key:moved"
    KEY_REENCRYPTED = "key:reencrypted"
    KEY_ROTATED = "key:rotated"
    KEY_ROTATION_ABANDONED = "key:rotation_abandoned"
    KEY_ROTATION_INCOMPLETE = "key:rotation_incomplete"
    KEY_ROTATION_OVERDUE = "key:rotation_overdue"
    KEY_ROTATION_PAUSED = "key:rotation_paused"
    KEY_ROTATION_REQUESTED = "key:rotation_requested"
    KEY_ROTATION_RESUMED = "key:rotation_resumed"
    MEMBER_ERASED = "member:erased"
    MEMBER_INVITED = "member:invited"
    MEMBER_JOINED = "member:joined"
    MEMBER_REMOVED = "member:removed"
    MEMBER_ROLE_CHANGED = "member:role_changed"
    OBJECT_CREATED = "object:created"
    OBJECT_DELETED = "object:deleted"
    OBJECT_REFUSED = "object:refused"
    OBJECT_RESTORED = "object:restored"
    OBJECT_UPDATED = "object:updated"
    OPERATOR_DEMOTED = "operator:demoted"
    OPERATOR_PROMOTED = "operator:promoted"
    ORGANIZATION_CLOSED = "organization:closed"
    ORGANIZATION_CREATED = "organization:created"
    ORGANIZATION_ERASED = "organization:erased"
    ORGANIZATION_PROVISIONED = "organization:provisioned"
    ORGANIZATION_REOPENED = "organization:reopened"
    ORGANIZATION_RESUMED = "organization:resumed"
    ORGANIZATION_SUSPENDED = "organization:suspended"
    POLICY_CHANGED = "policy:changed"
    RETENTION_CHANGED = "retention:changed"
    RETENTION_ENFORCED = "retention:enforced"
    SERVICE_ACCOUNT_CREATED = "service_account:created"
    SERVICE_ACCOUNT_ENDED = "service_account:ended"
    SESSION_ENTERED = "session:entered"
    SHARE_CREATED = "share:created"
    SHARE_OPENED = "share:opened"
    SHARE_REVOKED = "share:revoked"
    SSO_CHANGED = "sso:changed"
    SSO_CREATED = "sso:created"
    SSO_DISABLED = "sso:disabled"
    SSO_ENABLED = "sso:enabled"
    SSO_REMOVED = "sso:removed"
    SSO_TESTED = "sso:tested"
    STREAM_CHANGED = "stream:changed"
    STREAM_CREATED = "stream:created"
    STREAM_DISABLED = "stream:disabled"
    STREAM_ENABLED = "stream:enabled"
    STREAM_REMOVED = "stream:removed"
    STREAM_REPLAYED = "stream:replayed"
    STREAM_TESTED = "stream:tested"
    SUPPORT_APPROVED = "support:approved"
    SUPPORT_ENDED = "support:ended"
    SUPPORT_LAPSED = "support:lapsed"
    SUPPORT_REFUSED = "support:refused"
    SUPPORT_REQUESTED = "support:requested"
    SUPPORT_STARTED = "support:started"
    TRAIL_ARCHIVED = "trail:archived"
    TRAIL_EXPORTED = "trail:exported"
    UPLOAD_REQUEST_CLOSED = "upload_request:closed"
    UPLOAD_REQUEST_CREATED = "upload_request:created"
    UPLOAD_REQUEST_RECEIVED = "upload_request:received"
    WEBHOOK_CHANGED = "webhook:changed"
    WEBHOOK_CREATED = "webhook:created"
    WEBHOOK_DISABLED = "webhook:disabled"
    WEBHOOK_ENABLED = "webhook:enabled"
    WEBHOOK_REMOVED = "webhook:removed"
    WEBHOOK_REPLAYED = "webhook:replayed"
    WEBHOOK_SECRET_ROTATED = "webhook:secret_rotated"
    WEBHOOK_TESTED = "webhook:tested"
    WITNESS_ADDED = "witness:added"
    WITNESS_AGREED = "witness:agreed"
    WITNESS_REMOVED = "witness:removed"
    WORKLOAD_TOKEN_ISSUED = "workload:token_issued"
    WORKLOAD_TRUST_CHANGED = "workload_trust:changed"
    WORKLOAD_TRUST_CREATED = "workload_trust:created"
    WORKLOAD_TRUST_DISABLED = "workload_trust:disabled"
    WORKLOAD_TRUST_ENABLED = "workload_trust:enabled"
    WORKLOAD_TRUST_REMOVED = "workload_trust:removed"


# Acts on the whole organization go to the live environment's chain, wherever the person stood.
ORGANIZATION_WIDE = frozenset(
    {
        Tag.BRAND_CHANGED,
        Tag.DATABASE_CHANGED,
        Tag.DIRECTORY_TOKEN_CREATED,
        Tag.DIRECTORY_TOKEN_REVOKED,
        Tag.DOMAIN_ADDED,
        Tag.DOMAIN_LAPSED,
        Tag.DOMAIN_REMOVED,
        Tag.DOMAIN_VERIFIED,
        Tag.ERASURE_APPROVED,
        Tag.ERASURE_CANCELLED,
        Tag.ERASURE_REQUESTED,
        Tag.EXPORT_COMPLETED,
        Tag.EXPORT_DOWNLOADED,
        Tag.EXPORT_REMOVED,
        Tag.EXPORT_REQUESTED,
        Tag.GROUP_CREATED,
        Tag.GROUP_MEMBER_ADDED,
        Tag.GROUP_MEMBER_REMOVED,
        Tag.GROUP_REMOVED,
        Tag.GROUP_RENAMED,
        Tag.HOLD_LIFTED,
        Tag.HOLD_PLACED,
        Tag.INVITATION_REVOKED,
        Tag.JOB_DISCARDED,
        Tag.JOB_RETRIED,
        Tag.KEY_DESTROYED,
        Tag.KEY_DESTRUCTION_APPROVED,
        Tag.KEY_DESTRUCTION_CANCELLED,
        Tag.KEY_DESTRUCTION_REQUESTED,
        Tag.KEY_MOVED,
        Tag.KEY_REENCRYPTED,
        Tag.KEY_ROTATED,
        Tag.KEY_ROTATION_ABANDONED,
        Tag.KEY_ROTATION_INCOMPLETE,
        Tag.KEY_ROTATION_OVERDUE,
        Tag.KEY_ROTATION_PAUSED,
        Tag.KEY_ROTATION_REQUESTED,
        Tag.KEY_ROTATION_RESUMED,
        Tag.MEMBER_ERASED,
        Tag.MEMBER_INVITED,
        Tag.MEMBER_JOINED,
        Tag.MEMBER_REMOVED,
        Tag.MEMBER_ROLE_CHANGED,
        Tag.OPERATOR_DEMOTED,
        Tag.OPERATOR_PROMOTED,
        Tag.ORGANIZATION_CLOSED,
        Tag.ORGANIZATION_CREATED,
        Tag.ORGANIZATION_ERASED,
        Tag.ORGANIZATION_PROVISIONED,
        Tag.ORGANIZATION_REOPENED,
        Tag.ORGANIZATION_RESUMED,
        Tag.ORGANIZATION_SUSPENDED,
        Tag.POLICY_CHANGED,
        Tag.RETENTION_CHANGED,
        Tag.RETENTION_ENFORCED,
        Tag.SERVICE_ACCOUNT_CREATED,
        Tag.SERVICE_ACCOUNT_ENDED,
        Tag.SESSION_ENTERED,
        Tag.SSO_CHANGED,
        Tag.SSO_CREATED,
        Tag.SSO_DISABLED,
        Tag.SSO_ENABLED,
        Tag.SSO_REMOVED,
        Tag.SSO_TESTED,
        Tag.SUPPORT_APPROVED,
        Tag.SUPPORT_ENDED,
        Tag.SUPPORT_LAPSED,
        Tag.SUPPORT_REFUSED,
        Tag.SUPPORT_REQUESTED,
        Tag.SUPPORT_STARTED,
    }
)


class PersonTag(StrEnum):
    """What an account's own log says, before or beside any organization."""

    FACTOR_ADDED = "factor:added"
    FACTOR_REFUSED = "factor:refused"
    FACTOR_REMOVED = "factor:removed"
    FACTOR_USED = "factor:used"
    FACTORS_RESET = "factors:reset"
    INVITATION_REFUSED = "invitation:refused"
    OPERATOR_DEMOTED = "operator:demoted"
    OPERATOR_PROMOTED = "operator:promoted"
    ORGANIZATION_CREATED = "organization:created"
    PASSWORD_CHANGED = "password:changed"
    PROVIDER_CONNECTED = "provider:connected"
    PROVIDER_DISCONNECTED = "provider:disconnected"
    RECOVERY_CODES_MADE = "recovery_codes:made"
    RECOVERY_CODE_USED = "recovery_code:used"
    SESSION_ENDED = "session:ended"
    SIGN_IN = "session:signed_in"
    SIGN_IN_FAILED = "session:refused"
    SIGN_OUT = "session:signed_out"
    SIGN_UP = "account:created"


# As TOLD, for a person's own log: a kind to find it by, an icon, and what happened.
PERSON_TOLD = {
    PersonTag.FACTOR_ADDED: ("factors", "fingerprint-pattern", "Added a second factor"),
    PersonTag.FACTOR_REFUSED: ("factors", "refused", "A second factor was refused"),
    PersonTag.FACTOR_REMOVED: ("factors", "trash-2", "Removed a second factor"),
    PersonTag.FACTOR_USED: ("factors", "fingerprint-pattern", "Used a second factor"),
    PersonTag.FACTORS_RESET: ("factors", "rotate-ccw", "Second factors were taken away on the server"),
    PersonTag.INVITATION_REFUSED: ("organizations", "refused", "Opened an invitation that is somebody else’s"),
    PersonTag.OPERATOR_DEMOTED: ("operator", "ban", "Stopped being an operator, by the server"),
    PersonTag.OPERATOR_PROMOTED: ("operator", "headset", "Became an operator, by the server"),
    PersonTag.ORGANIZATION_CREATED: ("organizations", "building-2", "Made an organization"),
    PersonTag.PASSWORD_CHANGED: ("password", "key-round", "Changed the password"),
    PersonTag.PROVIDER_CONNECTED: ("sessions", "link-2", "Connected an account elsewhere"),
    PersonTag.PROVIDER_DISCONNECTED: ("sessions", "ban", "Disconnected an account elsewhere"),
    PersonTag.RECOVERY_CODES_MADE: ("factors", "list-checks", "Made new recovery codes"),
    PersonTag.RECOVERY_CODE_USED: ("factors", "list-checks", "Used a recovery code"),
    PersonTag.SESSION_ENDED: ("sessions", "log-out", "Ended a session elsewhere"),
    PersonTag.SIGN_IN: ("sessions", "laptop", "Signed in"),
    PersonTag.SIGN_IN_FAILED: ("sessions", "refused", "A sign-in was refused"),
    PersonTag.SIGN_OUT: ("sessions", "log-out", "Signed out"),
    PersonTag.SIGN_UP: ("sessions", "user-plus", "Made the account"),
}
