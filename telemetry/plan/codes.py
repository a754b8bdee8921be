"""The codes by which an answer says what became of an event. Clients hold on to them."""

from enum import StrEnum


class RejectionCode(StrEnum):
    """Why an event is rejected: all codes that there are, in the order in which people are offered them."""

    UNKNOWN_EVENT = "unknown_event"
    MISSING_PROPERTY = "missing_property"
    UNKNOWN_PROPERTY = "unknown_property"
    WRONG_TYPE = "wrong_type"
    NOT_IN_ENUM = "not_in_enum"
    OUT_OF_RANGE = "out_of_range"
    TOO_LONG = "too_long"
    BAD_TIMESTAMP = "bad_timestamp"
    TIMESTAMP_IN_FUTURE = "timestamp_in_future"
    TIMESTAMP_TOO_OLD = "timestamp_too_old"
    LOOKS_LIKE_PII = "looks_like_pii"
    EVENT_TOO_LARGE = "event_too_large"
    BAD_ID = "bad_id"
    # A call or an event of another protocol that the plan has no place for.
    UNSUPPORTED_TYPE = "unsupported_type"


class NoticeCode(StrEnum):
    """What an answer notes of an event that is not rejected."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    DEPRECATED = "deprecated"
