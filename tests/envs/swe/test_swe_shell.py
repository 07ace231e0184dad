"""A shell that remembers, in every kind of sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from agentrl.cli.bench.swe_limits import attack
from agentrl.envs.swe import shell
from agentrl.envs.swe.shell import Ran
from agentrl.envs.swe.workshop import workshop
from agentrl.envs.swe.workspace import Start, UnreadableError, Workspace
from tests.envs.swe.places import KINDS, REPOSITORY, need

Sh = Callable[..., Ran]
START = Start(REPOSITORY, REPOSITORY.files)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    need(request.param)
    return str(request.param)


@pytest.fixture
def space(kind: str) -> Iterator[Workspace]:
    made = workshop().call(Workspace.open(kind, START))
    yield made
    workshop().call(made.close())


@pytest.fixture
def process() -> Iterator[Workspace]:
    need("process")
    made = workshop().call(Workspace.open("process", START))
    yield made
    workshop().call(made.close())


def sh(space: Workspace, command: str, timeout_s: float = shell.TIME_LIMIT_S) -> Ran:
    return workshop().call(shell.run(space, command, timeout_s=timeout_s))


def test_state_goes_from_command_to_command(space: Workspace) -> None:
    assert sh(space, "pwd; ls").output == "/workspace/repo\nREADME.md\ntally\ntests\n"
    setting = [
        "cd tally",
        "text='two words\nand a line'; export SHOWN=1; list=(a 'b c'); declare -A map=([k]=v); readonly FIXED=7",
        'greet() { echo "hello $1"; }; export -f greet; alias shout="echo HEY"',
        "umask 077; set -f; shopt -s extglob nullglob",
    ]
    for command in setting:
        assert sh(space, command) == Ran("", 0)
    done = sh(space, 'pwd; echo "$text"; bash -c "echo \\$SHOWN; greet you"; echo "${list[1]} ${map[k]} $FIXED"; shout')
    assert done.output == "/workspace/repo/tally\ntwo words\nand a line\n1\nhello you\nb c v 7\nHEY\n"
    assert sh(space, "umask; shopt extglob nullglob | cut -f 2; set +o | grep noglob").output == (
        "0077\non\non\nset -o noglob\n"
    )
    assert sh(space, "FIXED=8").exit_code == 1
    assert sh(space, "echo $FIXED").output == "7\n"


def test_what_ends_the_shell_costs_nothing_else(space: Workspace) -> None:
    sh(space, "x=1")
    assert sh(space, "x=2; exit 3") == Ran("", 3)
    assert sh(space, "x=3; kill -9 $$").exit_code == 137
    assert sh(space, "x=4; exec cat README.md").output == "# tally\n"
    assert sh(space, "set -e; false; echo not reached").exit_code == 1
    assert sh(space, "set +e; echo $x") == Ran("2\n", 0)
    assert "unexpected EOF" in sh(space, "echo 'open").output
    assert sh(space, "trap 'echo never' EXIT; x=5").output == ""
    assert sh(space, "IFS=,; v=a,b; echo $v").output == "a b\n"
    assert sh(space, "echo $v $x").output == "a b 5\n"


def test_nobody_types(process: Workspace) -> None:
    assert sh(process, "read line; echo $?; cat; python3").output == "1\n"


def test_output_is_bounded(process: Workspace) -> None:
    done = sh(process, "echo first; head -c 100000000 /dev/zero | tr '\\0' y; echo last")
    assert done.output.startswith("first\nyyy")
    assert done.output.endswith("y" * 100 + "last\n")
    assert len(done.output) < shell.OUTPUT_BYTES + 100
    assert "bytes dropped" in done.output


def test_output_is_whatever_it_is(process: Workspace) -> None:
    assert sh(process, "printf '\\377\\n'; echo warn >&2; echo é").output == "\ufffd\nwarn\né\n"
    assert sh(process, "echo \ud800 \0x").output == "? x\n"
    assert sh(process, ":" * 40_000).exit_code == 126


def test_a_command_for_ever_is_killed_and_background_goes_on(space: Workspace) -> None:
    sh(space, "x=1; python3 -c 'import time; time.sleep(1000)' > /dev/null & echo $! > pid")
    assert sh(space, "x=2; sleep 1000 & sleep 1000", timeout_s=1.0).exit_code is None
    assert sh(space, "kill -0 $(cat pid) && echo $x") == Ran("1\n", 0)


def test_a_full_disk_keeps_what_was_remembered(process: Workspace) -> None:
    sh(process, "x=1; cd tests")
    assert "No space left" in sh(process, "cat /dev/zero > /tmp/full; x=2").output
    done = sh(process, "rm /tmp/full; pwd; echo $x")
    assert done.output in ("/workspace/repo/tests\n1\n", "/workspace/repo/tests\n2\n")


def test_what_was_changed_is_a_diff(process: Workspace) -> None:
    assert workshop().call(process.diff()) == ""
    sh(
        process,
        "sed -i s/result/sum/ tally/counting.py; rm README.md; mkdir -p more/__pycache__; echo x > more/new.txt",
    )
    sh(
        process,
        "echo y > more/__pycache__/z; printf '\\377' > binary; ln -s /etc/passwd link; touch \"$(printf 'a\\nb')\"",
    )
    found = workshop().call(process.diff())
    assert [line for line in found.splitlines() if line.startswith("diff")] == [
        "diff --git a/README.md b/README.md",
        "diff --git a/more/new.txt b/more/new.txt",
        "diff --git a/tally/counting.py b/tally/counting.py",
    ]
    assert "+    sum = 0\n" in found


def test_what_cannot_be_read_is_the_agents_doing(process: Workspace) -> None:
    sh(process, "head -c 60000000 /dev/zero > big")
    with pytest.raises(UnreadableError, match="larger than"):
        workshop().call(process.diff())


@pytest.mark.parametrize("kind", ["process", "docker"])  # gVisor's own threads count as processes
def test_many_at_once_hold_their_limits(kind: str) -> None:
    need(kind)

    async def attacked() -> dict[str, int]:
        pool = await workshop().pool(kind)
        return await attack(pool.provider, pool.spec.image, 4)

    assert workshop().call(attacked()) == dict.fromkeys(("disk", "memory", "processes", "time", "alive"), 4)


def test_forks_and_copies_go_their_own_way(space: Workspace) -> None:
    sh(space, "cd tally; x=1; echo one > file")
    call = workshop().call
    twin = call(space.fork())
    packed = call(space.pack())
    sh(twin, "x=2; echo two > file; cd ..")
    sh(space, "x=3; rm file")
    third = call(Workspace.restore(space.kind, START, packed))
    assert sh(space, "pwd; echo $x; ls file").output.startswith("/workspace/repo/tally\n3\nls:")
    assert sh(twin, "pwd; echo $x; cat tally/file").output == "/workspace/repo\n2\ntwo\n"
    assert sh(third, "pwd; echo $x; cat file").output == "/workspace/repo/tally\n1\none\n"
    call(twin.close())
    call(third.close())
