"""Temporal: whether it answers, its namespace, and for how long it keeps workflows that have ended."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, GetSystemInfoRequest
from temporalio.service import RPCError, RPCStatusCode

from shared.temporal import connect
from upward.deployment.routing import UNVERSIONED, Routing, read_routing
from upward.doctor.findings import Finding, doubtful, ok, wrong

PART = "Temporal"
CONNECT_SECONDS = 10
LEAST_RETENTION = timedelta(days=7)
GOOD_RETENTION = timedelta(days=30)
ADDRESS_ADVICE = "Look at TEMPORAL_ADDRESS, and at TEMPORAL_TLS or TEMPORAL_API_KEY if it wants them."


async def examine_temporal(address: str | None = None, deployment: str = "") -> Iterator[Finding]:
    """With the name of a Worker Deployment also whether one of its versions is the current one."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            client = await connect(address, lazy=False)
            system = await client.workflow_service.get_system_info(GetSystemInfoRequest())
    except (RuntimeError, TimeoutError, RPCError):
        return iter([wrong(PART, "nobody answers.", ADDRESS_ADVICE)])
    found = [ok(PART, f"server {system.server_version}.")]
    request = DescribeNamespaceRequest(namespace=client.namespace)
    try:
        described = await client.workflow_service.describe_namespace(request)
    except RPCError as error:
        return iter([*found, _refused(client.namespace, error.status)])
    ttl = described.config.workflow_execution_retention_ttl.ToTimedelta()
    found.append(judge_retention(client.namespace, ttl))
    if deployment:
        try:
            found.append(judge_routing(deployment, await read_routing(client, deployment)))
        except RPCError as error:
            told = f"versions of workers cannot be asked for ({error.status.name.lower()})."
            found.append(wrong(PART, told, "It must be 1.30 or newer, or leave UPWARD_DEPLOYMENT empty."))
    return iter(found)


def _refused(namespace: str, status: RPCStatusCode) -> Finding:
    if status is RPCStatusCode.NOT_FOUND:
        return wrong(
            PART,
            f"there is no namespace {namespace}.",
            f"Run: temporal operator namespace create --namespace {namespace} --retention 90d.",
        )
    return wrong(PART, f"the namespace {namespace} may not be used ({status.name.lower()}).", ADDRESS_ADVICE)


def judge_routing(deployment: str, routing: Routing) -> Finding:
    if routing.current == UNVERSIONED:
        told = (
            f"no version of {deployment} is the current one, so that workers of the workflows that have one do nothing."
        )
        return doubtful(PART, told, "Run: upward deployment promote.")
    return ok(PART, f"{routing.current} is the current version of {deployment}.")


def judge_retention(namespace: str, ttl: timedelta) -> Finding:
    advice = f"Run: temporal operator namespace update --namespace {namespace} --retention 90d."
    told = f"the namespace {namespace} keeps what has ended for {ttl.days} days"
    if ttl < LEAST_RETENTION:
        return wrong(PART, f"{told}: events that come again after a restore would start workflows twice.", advice)
    if ttl < GOOD_RETENTION:
        return doubtful(PART, f"{told}, which should be as long as you keep backups of the database.", advice)
    return ok(PART, f"{told}.")
