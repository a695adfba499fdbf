"""ETags of resources that can be edited. An ETag is a version in quotes; it is compared by the strong comparison of
RFC 9110, section 13.1.1."""

from shared.errors import PreconditionFailed, PreconditionRequired


class IfMatchRequired(PreconditionRequired):
    code = "if_match_required"


class StaleVersion(PreconditionFailed):
    code = "stale_version"


def etag(version: int | str) -> str:
    return f'"{version}"'


def check_present(if_match: str | None) -> str:
    """Returns the header. Raises IfMatchRequired (428) if it is missing."""
    if not if_match or not if_match.strip():
        raise IfMatchRequired("Read it first and send its ETag as If-Match, so that no change is lost.")
    return if_match


def check_match(if_match: str, version: int | str) -> None:
    """Raises StaleVersion (412) unless the header names this version, or any version (`*`)."""
    tags = [tag.strip() for tag in if_match.split(",")]
    if tags != ["*"] and etag(version) not in tags:
        raise StaleVersion("It has changed since you read it; read it again and repeat your change.")
