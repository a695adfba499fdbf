"""How a workflow comes to newer code where workers have versions (Worker Deployments).

There every run of a workflow stays with the version on which it began, so that it never replays with other code. What
runs for months goes on in a new run now and then, which begins with the version that is the current one by then. Where
workers have no versions, all of this says no, and what is the same for old and new code is decided by patches.

Which version works on a task is part of the history, so that the answers are the same in a replay.
"""

from temporalio import workflow
from temporalio.workflow import ContinueAsNewVersioningBehavior


def is_pinned() -> bool:
    """Whether this run stays with the version of its worker. A worker without one has a build id, but no deployment."""
    version = workflow.info().get_current_deployment_version()
    return version is not None and version.deployment_name != ""


def newer_code_waits() -> bool:
    """Whether a new run would begin with another version than this one."""
    return is_pinned() and workflow.info().is_target_worker_deployment_version_changed()


def with_current_code() -> ContinueAsNewVersioningBehavior | None:
    """For `continue_as_new`: the new run begins with the version that is the current one, and stays with it."""
    return ContinueAsNewVersioningBehavior.AUTO_UPGRADE if is_pinned() else None
