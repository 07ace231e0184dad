"""What every provider promises, proved on each."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import stat
import time
from pathlib import PurePosixPath as Path

import pytest

from agentrl.errors import ConfigError, SandboxError
from agentrl.sandboxes.spec import GiB, MiB
from tests.sandboxes.conftest import Place, living


async def test_a_command_comes_back_with_its_code_and_output(place: Place) -> None:
    async with await place.acquire() as sandbox:
        done = await sandbox.run("cat; pwd; echo oops >&2; exit 3", 10, stdin=b"in\n")
        assert (done.exit_code, done.stdout, done.stderr) == (3, b"in\n/workspace\n", b"oops\n")
        assert (done.truncated, done.timed_out, done.oom_killed) == (False, False, False)
        assert (await sandbox.run("pwd", 10, workdir="/tmp")).stdout == b"/tmp\n"
        assert (await sandbox.run("kill -9 $$", 10)).exit_code == 137
        assert (await sandbox.run("true", 10, workdir="/nowhere")).exit_code == 126
        assert (await sandbox.run("cat", 10)).ok  # no input is the end of input


async def test_much_input_comes_through_while_output_flows(place: Place) -> None:
    async with await place.acquire() as sandbox:
        data = os.urandom(3 * MiB)
        done = await sandbox.run("cat", 30, stdin=data, output_limit=8 * MiB)
        assert done.stdout == data


async def test_commands_run_at_the_same_time(place: Place) -> None:
    async with await place.acquire() as sandbox:
        # each waits for the other
        first = sandbox.run("mkfifo a b; echo 1 > a; cat b", 20)
        second = sandbox.run("until [ -p b ]; do sleep 0.01; done; cat a; echo 2 > b", 20)
        assert [done.stdout for done in await asyncio.gather(first, second)] == [b"2\n", b"1\n"]


async def test_output_keeps_its_beginning_and_end(place: Place) -> None:
    async with await place.acquire() as sandbox:
        done = await sandbox.run("echo begin; head -c 3000000 /dev/zero; echo end", 20, output_limit=1000)
        assert done.ok
        assert done.truncated
        assert done.stdout.startswith(b"begin\n")
        assert done.stdout.endswith(b"end\n")
        assert b"\n[... 2999010 bytes dropped ...]\n" in done.stdout
        assert len(done.stdout) < 1100
        exact = await sandbox.run("head -c 1000 /dev/zero", 20, output_limit=1000)
        assert (len(exact.stdout), exact.truncated) == (1000, False)


async def test_at_the_time_limit_all_that_a_command_started_is_killed(place: Place) -> None:
    async with await place.acquire() as sandbox:
        daemon = "setsid sh -c '(sleep 5; touch /workspace/escaped) & echo $$ > /workspace/started; sleep 100' &"
        begun = time.monotonic()
        done = await sandbox.run(f'sh -c "{daemon}"; cat; sleep 100; touch /workspace/went_on', 1.0)
        assert done.timed_out
        assert time.monotonic() - begun < 20
        assert (await sandbox.run("test -e started", 5)).ok
        await asyncio.sleep(0.4)
        assert await living(sandbox) == 1
        assert (await sandbox.run("test -e escaped || test -e went_on", 5)).exit_code == 1


async def test_what_runs_in_the_background_runs_on(place: Place) -> None:
    async with await place.acquire() as sandbox:
        assert (await sandbox.run("mkfifo pipe; (cat pipe > got) < /dev/null > /dev/null 2>&1 &", 5)).ok
        done = await sandbox.run("echo hello > pipe; until grep hello got; do sleep 0.01; done", 10)
        assert done.stdout == b"hello\n"


@pytest.mark.parametrize("size", [0, 1, MiB - 1, MiB, 2 * MiB + 5])
async def test_files_come_back_as_they_went_in(place: Place, size: int) -> None:
    async with await place.acquire() as sandbox:
        content = os.urandom(size)
        await sandbox.write(Path("/workspace/new/folder/file"), b"longer than empty")
        await sandbox.write(Path("/workspace/new/folder/file"), content, mode=0o755)
        assert await sandbox.read(Path("/workspace/new/folder/file")) == content
        assert int((await sandbox.run("wc -c < new/folder/file", 5)).stdout) == size


async def test_file_errors_are_those_of_the_host(place: Place) -> None:
    async with await place.acquire() as sandbox:
        await sandbox.run("mkfifo pipe; echo 12345 > file; ln -s /dev/zero zero; touch secret; chmod 000 secret", 5)
        with pytest.raises(FileNotFoundError, match="/workspace/none"):
            await sandbox.read(Path("/workspace/none"))
        with pytest.raises(IsADirectoryError):
            await sandbox.read(Path("/workspace"))
        with pytest.raises(PermissionError):
            await sandbox.read(Path("/workspace/secret"))
        with pytest.raises(NotADirectoryError):
            await sandbox.read(Path("/workspace/file/below"))
        for odd in ("pipe", "zero"):
            with pytest.raises(OSError, match="Invalid argument"):
                await sandbox.read(Path("/workspace") / odd)
        with pytest.raises(OSError, match="more than 5 bytes"):
            await sandbox.read(Path("/workspace/file"), limit=5)
        with pytest.raises(ConfigError, match="absolute"):
            await sandbox.write(Path("relative"), b"")


def stats(text: bytes) -> set[tuple[bytes, ...]]:
    """What must be equal in both: name, mode, links, owner, size, time."""
    kept = rb"(\S+) os.stat_result\(st_mode=(\d+).*st_nlink=(\d+), st_uid=(\d+).*st_mtime=(\d+)"
    found = set(re.findall(kept, text))
    assert len(found) == 7, text
    return found


async def test_a_fork_has_the_files_and_goes_its_own_way(place: Place) -> None:
    prepare = """
        mkdir -p deep/er locked; echo one > deep/er/file; ln deep/er/file hard; ln -s deep/er/file soft
        ln -s /none broken; echo x > locked/inside; chmod 000 locked; echo run > script; chmod 750 script
        echo t > /tmp/other; mkfifo pipe; touch -d @1000000000 old
        (while :; do sleep 1; done) > /dev/null 2>&1 &"""
    show = "import os; [print(n, os.stat(n)) for n in os.listdir() if n != 'broken']"
    look = (
        f'cat deep/er/file soft /tmp/other; readlink broken; python3 -c "{show}"; '
        "test -p pipe && chmod 700 locked && cat locked/inside && chmod 000 locked"
    )
    async with await place.acquire() as sandbox:
        assert (await sandbox.run(prepare, 10)).ok
        async with await sandbox.fork() as twin:
            await twin.run("echo two > /tmp/new", 5)
            mine, its = await sandbox.run(look, 10), await twin.run(look, 10)
            assert mine.ok, mine.stderr
            assert mine.stdout.startswith(b"one\none\nt\n/none\n")
            assert mine.stdout.endswith(b"x\n")
            assert stats(its.stdout) == stats(mine.stdout)
            assert (await sandbox.run("test -e /tmp/new", 5)).exit_code == 1
            assert await living(sandbox) > 1, "processes go on after a fork"
            assert await living(twin) == 1, "and are not forked"


async def test_a_snapshot_is_an_image(place: Place) -> None:
    async with await place.acquire() as sandbox:
        await sandbox.write(Path("/workspace/a"), b"1")
        name = await sandbox.snapshot()
        await sandbox.write(Path("/workspace/a"), b"2")
    for _ in range(2):
        async with await place.create(image=name) as again:
            assert await again.read(Path("/workspace/a")) == b"1"
    with pytest.raises(SandboxError, match="is no snapshot") as caught:
        await place.create(image="snapshot/0123")
    assert caught.value.cause == "image_missing"


async def test_setup_runs_first_and_its_failure_is_told(place: Place) -> None:
    async with await place.create(setup=("echo 1 > a", "echo 2 >> a")) as sandbox:
        assert await sandbox.read(Path("/workspace/a")) == b"1\n2\n"
    with pytest.raises(SandboxError, match="ended with 7: no such luck") as caught:
        await place.create(setup=("echo no such luck; exit 7",))
    assert caught.value.cause == "setup_failed"


async def test_the_deadline_covers_set_up_and_leaves_nothing(place: Place) -> None:
    begun = time.monotonic()
    with pytest.raises(SandboxError, match="not ready within 2 s") as caught:
        await place.create(deadline_s=2, setup=("sleep 60",))
    assert caught.value.cause == "deadline"
    assert time.monotonic() - begun < 10


async def test_the_lifetime_ends_it(place: Place) -> None:
    sandbox = await place.create(lifetime_s=3, deadline_s=3)
    async with sandbox:
        with pytest.raises(SandboxError) as caught:
            await sandbox.run("sleep 60", 60)
        assert caught.value.cause == "lifetime"


async def test_a_closed_sandbox_says_so(place: Place) -> None:
    sandbox = await place.acquire()
    waiting = asyncio.ensure_future(sandbox.run("sleep 60", 60))
    await sandbox.run("true", 5)
    await sandbox.close()
    await sandbox.close()
    for call in (waiting, sandbox.run("true", 5), sandbox.read(Path("/workspace/a"))):
        with pytest.raises(SandboxError) as caught:
            await call
        assert caught.value.cause == "closed"


SERVER = """
import socket, threading
server = socket.socket(socket.AF_UNIX)
server.bind("/workspace/echo.sock")
server.listen()
def serve(c):
    while data := c.recv(1 << 16):
        c.sendall(data)
    c.sendall(b"bye")
    c.close()
while True:
    threading.Thread(target=serve, args=[server.accept()[0]]).start()
"""


async def test_a_server_inside_is_reached_over_a_private_socket(place: Place) -> None:
    async with await place.acquire() as sandbox:
        with pytest.raises(OSError, match="No such file"):
            await sandbox.socket(Path("/workspace/echo.sock"), timeout_s=0.1)
        await sandbox.write(Path("/workspace/server.py"), SERVER.encode())
        await sandbox.run("python3 server.py > log 2>&1 < /dev/null &", 5)
        path = await sandbox.socket(Path("/workspace/echo.sock"))
        folder = path.parents[2].stat()
        assert (stat.S_IMODE(folder.st_mode), folder.st_uid) == (0o700, os.getuid())

        async def talk(size: int) -> None:
            reader, writer = await asyncio.open_unix_connection(path)
            data = os.urandom(size)
            writer.write(data)
            assert await reader.readexactly(size) == data
            writer.write(data)
            writer.write_eof()
            assert await reader.read() == data + b"bye"
            writer.close()

        await asyncio.gather(*(talk(size) for size in (1, 1000, 2 * MiB)))
        # one that the client drops does no harm
        _, writer = await asyncio.open_unix_connection(path)
        writer.transport.abort()
        await talk(1)
    assert not path.exists()
    with pytest.raises(FileNotFoundError), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


async def test_a_limit_that_cannot_be_kept_is_refused(place: Place) -> None:
    with pytest.raises(ConfigError, match="written files are kept in memory"):
        await place.create(disk=2 * GiB)
    for seconds, limit in ((0, 1), (float("inf"), 1), (1, 0)):
        async with await place.acquire() as sandbox:
            with pytest.raises(ConfigError, match="must be positive"):
                await sandbox.run("true", seconds, output_limit=limit)
    if place.kind == "process":
        with pytest.raises(ConfigError, match="use docker"):
            await place.create(writable_root=True)
