"""Expected failures. Each carries a stable code and an HTTP status; everything else is a bug or a passing fault.

The HTTP edge answers them as `application/problem+json` (RFC 9457), the Temporal edge as a non-retryable
`ApplicationError` whose `type` is the code. Details never hold names, addresses or free text of participants.
"""

from typing import Any


class DomainError(Exception):
    """An expected failure.

    `code` is stable and machine-readable, `detail` tells the caller what to do, `extra` adds members to the problem
    document (for 422 the list `errors` of fields).
    """

    status = 400
    code = "bad_request"

    def __init__(self, detail: str, *, code: str | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.extra = extra


class BadRequest(DomainError):
    status = 400
    code = "bad_request"


class Unauthorized(DomainError):
    status = 401
    code = "unauthorized"


class Forbidden(DomainError):
    status = 403
    code = "forbidden"


class NotFound(DomainError):
    status = 404
    code = "not_found"


class Conflict(DomainError):
    status = 409
    code = "conflict"


class Gone(DomainError):
    status = 410
    code = "gone"


class PreconditionFailed(DomainError):
    status = 412
    code = "precondition_failed"


class Invalid(DomainError):
    """`errors` is a list of `{"field": ..., "detail": ...}`."""

    status = 422
    code = "invalid"


class PreconditionRequired(DomainError):
    status = 428
    code = "precondition_required"
