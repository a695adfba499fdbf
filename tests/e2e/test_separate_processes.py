"""Production's shape: every API and every worker a process of its own, as in docker-compose.yml, talking over TCP.

The processes have only what the image has: what `requirements/runtime.txt` does not list cannot be imported in them.
"""

import asyncio
import json
import re
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, compile_path

from shared.contracts.base import Service
from tests.clusters import copy_cluster
from tests.e2e.company import Company, at_company
from tests.e2e.processes import ROOT, Forked, Forks, Running, upward
from upward.composition import ROUTERS
from upward.embedded import EmbeddedPostgres, EmbeddedTemporal, MailCatcher, free_port
from upward.serving.command import WORKERS
from upward.serving.server import listen, serve_http

pytestmark = pytest.mark.long
TOKEN = "a-service-token-of-the-tests-only-0123456789"


def hide_what_the_image_lacks(folder: Path) -> None:
    """Python runs this module of the folder first when the folder is on its path."""
    listed = re.findall(r"^([\w.-]+)==", (ROOT / "requirements" / "runtime.txt").read_text(), re.MULTILINE)
    image = {_plain(name) for name in listed}
    hidden = [
        module
        for module, distributions in packages_distributions().items()
        if module.isidentifier() and not image & {_plain(name) for name in distributions}
    ]
    assert {"aiosmtpd", "psutil", "pytest"} <= set(hidden)
    assert not {"fastapi", "temporalio", "ortools"} & set(hidden)
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(f"import sys\nsys.modules.update(dict.fromkeys({sorted(hidden)}))\n")


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


class Production(NamedTuple):
    proxy: str
    urls: dict[Service, str]
    apis: dict[Service, Running]
    workers: dict[str, Running]
    mail: MailCatcher
    settings: dict[str, str]


def addresses(routes: Iterable[Any]) -> Iterator[re.Pattern[str]]:
    """What a service serves, as patterns of paths."""
    for route in routes:
        if hasattr(route, "path"):
            yield compile_path(route.path)[0]
        else:
            yield from addresses(route.original_router.routes)


def proxy_to(urls: dict[Service, str], client: httpx.AsyncClient) -> Starlette:
    """A reverse proxy: each path to the service that serves it, and none to internal ones."""
    table = [(pattern, urls[service]) for service, router in ROUTERS.items() for pattern in addresses(router.routes)]

    async def forward(request: Request) -> Response:
        path = request.url.path
        url = next((url for pattern, url in table if pattern.match(path) and not path.startswith("/internal")), None)
        if url is None:
            return Response(status_code=404)
        headers = [(name, value) for name, value in request.headers.raw if name not in (b"host", b"content-length")]
        target = f"{url}{path}?{request.url.query}"
        answer = await client.request(request.method, target, headers=headers, content=await request.body())
        kept = {name: value for name, value in answer.headers.items() if name not in ("content-length", "connection")}
        return Response(answer.content, answer.status_code, kept)

    methods = ["GET", "HEAD", "POST", "PUT"]
    return Starlette(routes=[Route("/{path:path}", forward, methods=methods)])


@pytest.fixture(scope="module")
async def production() -> AsyncIterator[Production]:
    async with AsyncExitStack() as cleanup:
        name = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="upward-prod-", ignore_cleanup_errors=True))
        folder = Path(name).resolve()
        folder.chmod(0o755)
        copy_cluster(folder / "postgres", migrated=False)
        postgres, temporal = EmbeddedPostgres(folder / "postgres"), EmbeddedTemporal(folder / "temporal")
        mail = MailCatcher(folder / "mail")
        cleanup.callback(postgres.stop)
        cleanup.callback(temporal.stop)
        cleanup.callback(mail.stop)
        database_url = postgres.start()
        temporal.start()
        mail.start()
        address = cleanup.enter_context(listen("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{address.getsockname()[1]}"
        ports = {service: free_port() for service in Service}
        urls = {service: f"http://127.0.0.1:{port}" for service, port in ports.items()}
        hide_what_the_image_lacks(folder / "image")
        settings = {
            "PYTHONPATH": str(folder / "image"),
            "UPWARD_DATABASE_URL": database_url,
            "UPWARD_DATABASE_POOL_SIZE": "3",
            "UPWARD_SERVICE_TOKEN": TOKEN,
            "UPWARD_SERVICE_URLS": json.dumps({service.value: url for service, url in urls.items()}),
            "UPWARD_PUBLIC_URL": proxy,
            "UPWARD_SMTP_PORT": str(mail.port),
            "TEMPORAL_ADDRESS": temporal.address,
        }
        migrated = await asyncio.to_thread(upward, "migrate", **settings)
        assert migrated.returncode == 0, migrated.stderr
        forks = Forks(**settings)
        cleanup.callback(forks.close)

        def start(part: str, name: str, port: int) -> Running:
            log, given = folder / f"{part}-{name}.log", settings | {"UPWARD_PORT": str(port)}
            if name == Service.PROGRAMS.value:  # one of each as its host starts it, the others sooner
                return Running(log, part, name, **given)
            return Forked(forks, log, part, name, **given)

        apis = {service: start("serve", service.value, port) for service, port in ports.items()}
        workers = {queue: start("worker", queue, 1) for queue in WORKERS}
        for process in (*apis.values(), *workers.values()):
            cleanup.callback(process.terminate)
        await asyncio.gather(*(apis[service].until_ready(urls[service]) for service in Service))
        client = await cleanup.enter_async_context(httpx.AsyncClient(timeout=30))
        stop = asyncio.Event()
        proxying = asyncio.create_task(serve_http(proxy_to(urls, client), address, stop))
        yield Production(proxy, urls, apis, workers, mail, settings)
        stop.set()
        await proxying


@pytest.fixture(scope="module")
async def acme(production: Production) -> AsyncIterator[Company]:
    created = ("keys", "create", "--organization", "Example Inc")
    made = await asyncio.to_thread(upward, *created, **production.settings)
    assert made.returncode == 0, made.stderr
    async with at_company(production.proxy, made.stdout.strip(), "acme.example", production.mail.folder) as found:
        yield found


async def test_a_whole_cycle_runs_over_separate_processes(acme: Company, production: Production) -> None:
    cycle_id = await acme.start_cycle()
    cycle = await acme.play(cycle_id, lambda cycle: cycle["stage"] == "completed")
    assert cycle["outcome"] == "completed"
    assert (await acme.admin.report(cycle_id))["funnel"]["people_completed"] == 6
    assert {pair["state"] for pair in await acme.admin.pairs(cycle_id)} == {"completed"}
    assert (await acme.admin.messages(cycle_id))["failed"] == []
    page = await acme.http.get(
        f"{acme.url}/console/cycles/{cycle_id}/pairs", headers={"authorization": f"Bearer {acme.key}"}
    )
    assert page.status_code == 200
    assert "Senior Example" in page.text
    for part in (*production.apis.values(), *production.workers.values()):
        assert part.is_running(), f"{part.name} ended:\n{part.output}"


async def test_each_process_serves_its_own_service_only(production: Production, acme: Company) -> None:
    own = {
        Service.PROGRAMS: "/v1/programs",
        Service.INTAKE: "/v1/people",
        Service.EVENTS: "/v1/events",
    }
    headers = {"authorization": f"Bearer {acme.key}"}
    for service, url in production.urls.items():
        for owner, path in own.items():
            answer = await acme.http.get(url + path, headers=headers)
            assert answer.status_code == (200 if service is owner else 404), (service, path)


async def test_every_process_ends_cleanly_when_its_host_says_so(production: Production, acme: Company) -> None:
    """The last test of this file: it ends them all."""
    parts = (*production.apis.values(), *production.workers.values())
    codes = await asyncio.gather(*(asyncio.to_thread(part.terminate) for part in parts))
    assert not {part.name: (code, part.output[-2000:]) for part, code in zip(parts, codes, strict=True) if code}
    for part in parts:
        assert "Traceback" not in part.output, part.name
        assert "@acme.example" not in part.output, part.name
