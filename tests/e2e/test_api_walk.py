"""docs/api.md is pasted into a shell, block after block, against the whole embedded stack."""

import asyncio
import re
import shutil
import sys
import time
from pathlib import Path

import pytest

from tests.architecture.documents import TEXTS
from tests.clusters import copy_cluster
from tests.patience import PATIENCE_SECONDS
from upward.stack import running_stack

NEEDED = ("bash", "curl", "grep")
WALK = TEXTS["docs/api.md"]
ENDINGS = [
    # What the last lines of a block say, in the order of the blocks.
    '"name":"Example Inc"}',
    '"code":"session_ended"',
    "dashboard",
    '"level":5,',
    "'after': '6'",
    '"links":0}',
    "Upward 2027",
    '"pending":8,"told_at":',
    "303 303 303 303 303 303 303 303 ",
    "approved",
    '"state":"active"',
    "active",
    '"failed":[],"next":null}',
    "False",
    "disabled",
    '"code":"invalid"',
    "[]",
    "upward",
    "None",
]


def blocks() -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```$", WALK, re.MULTILINE | re.DOTALL)


def problems_shown() -> set[str]:
    outputs = re.findall(r"^```(?:text|json)\n(.*?)^```$", WALK, re.MULTILINE | re.DOTALL)
    return set(re.findall(r'"type":"urn:upward:problem:(\w+)"', "\n".join(outputs)))


@pytest.mark.long
@pytest.mark.skipif(not all(map(shutil.which, NEEDED)), reason=f"needs {', '.join(NEEDED)}")
async def test_the_examples_of_the_api_run_a_whole_cycle_by_hand(tmp_path: Path) -> None:
    (tmp_path / "stack").mkdir()
    copy_cluster(tmp_path / "stack/postgres", migrated=True)
    begun = time.monotonic()
    async with running_stack(tmp_path / "stack") as stack:
        check_in = f"PT{max(20, round(1.5 * (time.monotonic() - begun)))}S"  # a slow machine needs more
        script = "\necho '=====BLOCK====='\n".join(["set -euo pipefail", *blocks()])
        script = script.replace("http://127.0.0.1:8080", stack.url).replace(".venv/bin/python", sys.executable)
        script = script.replace("PT20S", check_in).replace("FOLDER=.upward", f"FOLDER={tmp_path / 'stack'}")
        shell = await asyncio.create_subprocess_exec(
            *("bash", "-c", script), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                output, trouble = await shell.communicate()
        finally:
            if shell.returncode is None:
                shell.kill()
    answers = output.decode().split("=====BLOCK=====\n")[1:]
    assert shell.returncode == 0, trouble.decode() + output.decode()[-2000:]
    assert len(answers) == len(ENDINGS)
    for answer, ending in zip(answers, ENDINGS, strict=True):
        assert ending in "\n".join(answer.splitlines()[-2:]), answer
    assert set(re.findall(r'"type":"urn:upward:problem:(\w+)"', output.decode())) == problems_shown()
    assert set(re.findall(r"\b303\b|\b4\d\d(?= )", "".join(answers[8:13]))) == {"303"}


def test_the_examples_are_found() -> None:
    assert len(blocks()) == len(ENDINGS)
