"""Expected failures. Each has a stable code and an HTTP status. Any other exception is a bug or a temporary fault.

The HTTP edge answers them as `application/problem+json` (RFC 9457). The Temporal edge raises them as an
`ApplicationError` that is not retried and whose `type` is the code. The details never hold names, addresses or free
text of participants.
"""

from typing import Any


class DomainError(Exception):
    """An expected failure.

    `code` is stable, so that programs can depend on it; `detail` tells a human what to do; `extra` are further members
    of the problem document, such as the list `errors` of wrong fields for 422.
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
    """Its extra member `errors` is a list of `{"field": ..., "detail": ...}`."""

    status = 422
    code = "invalid"


class PreconditionRequired(DomainError):
    status = 428
    code = "precondition_required"
