"""HTTP over kept connections, against servers that misbehave byte by byte."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import require

require("httptools")

from agentrl.address import Address
from agentrl.envs.serving.client import Client, NoAnswerError, NoConnectionError, Reply, Request
from agentrl.errors import InfraError

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"text":"a"}'


class Peer:
    """A server that answers each connection's requests with given bytes; b"" closes, None says nothing."""

    def __init__(self, listener: socket.socket, answers: list[list[bytes | None]]) -> None:
        self.listener, self.answers = listener, answers
        self.seen: list[list[bytes]] = []
        self.asked = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        for answers in self.answers:
            connection, _ = self.listener.accept()
            self.seen.append([])
            for answer in answers:
                self.seen[-1].append(_read_request(connection))
                self.asked.set()
                if answer is None:
                    connection.recv(1)  # until the client gives up
                elif answer:
                    connection.sendall(answer)
            connection.close()


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    (length,) = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length")]
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def peer(*answers: list[bytes | None]) -> Iterator[tuple[Client, Peer]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = Peer(listener, list(answers))
        yield Client(Address.parse(f"http://127.0.0.1:{listener.getsockname()[1]}"), "secret"), found


def blocking(client: Client, timeout_s: float = 10.0) -> Reply:
    return client.send(Request(client, "POST", "/v1/x", {"action": "é\ud800"}, timeout_s))


def awaited(client: Client, timeout_s: float = 10.0) -> Reply:
    return asyncio.run(client.send_async(Request(client, "POST", "/v1/x", {"action": "é\ud800"}, timeout_s)))


both = pytest.mark.parametrize("send", [blocking, awaited])
Send = Callable[..., Reply]


@both
def test_an_exchange(send: Send) -> None:
    with peer([OK]) as (client, server):
        assert send(client) == Reply(200, {"text": "a"}, None)
    head, _, body = server.seen[0][0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"Authorization: Bearer secret" in head
    assert body == b'{"action":"\\u00e9\\ud800"}'


def test_one_connection_serves_both_forms_and_every_loop() -> None:
    with peer([OK] * 4) as (client, server):
        for send in (blocking, awaited, awaited, blocking):
            assert send(client).status == 200
        assert len(server.seen) == 1


@both
def test_a_connection_that_the_server_closed_meanwhile_is_replaced_unnoticed(send: Send) -> None:
    with peer([OK], [OK]) as (client, server):
        send(client)
        select.select([client._idle[0]], [], [], 10.0)  # until it is closed
        assert send(client).status == 200
        assert len(server.seen) == 2


@both
def test_a_server_that_wants_to_close_is_let(send: Send) -> None:
    last = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
    with peer([last], [OK]) as (client, server):
        assert send(client).body == {}
        assert not client._idle
        assert send(client).status == 200
        assert len(server.seen) == 2


@both
def test_chunks_and_no_content_and_retry_after(send: Send) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n1\r\n]\r\n0\r\n\r\n"
    empty = b"HTTP/1.1 204 No Content\r\n\r\n"
    full = b"HTTP/1.1 429 Too Many\r\nretry-after: 3\r\nContent-Length: 0\r\n\r\n"
    with peer([chunked, empty, full]) as (client, _):
        assert send(client) == Reply(200, [], None)
        assert send(client) == Reply(204, None, None)
        assert send(client) == Reply(429, None, 3.0)


@both
def test_an_answer_that_breaks_off_is_no_answer(send: Send) -> None:
    with peer([OK[:-3]]) as (client, _), pytest.raises(NoAnswerError, match="broke"):
        send(client)
    with peer([b""]) as (client, _), pytest.raises(NoAnswerError, match="broke"):
        send(client)


@both
def test_silence_is_no_answer_and_the_connection_is_not_used_again(send: Send) -> None:
    with peer([None], [OK]) as (client, _):
        with pytest.raises(NoAnswerError, match="in time"):
            send(client, timeout_s=0.05)
        assert send(client).status == 200


@both
def test_what_is_no_http_is_a_typed_error(send: Send) -> None:
    with peer([b"SSH-2.0-OpenSSH_9.2\r\n\r\n"]) as (client, _), pytest.raises(InfraError, match="does not speak HTTP"):
        send(client)


@both
def test_what_is_no_json_is_handed_on_as_text(send: Send) -> None:
    with peer([b"HTTP/1.1 502 Bad\r\nContent-Length: 4\r\n\r\n<h1>"]) as (client, _):
        assert send(client) == Reply(502, "<h1>", None)


@both
def test_nobody_listens(send: Send) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NoConnectionError, match=f"nobody answers at http://127.0.0.1:{port}"):
        send(Client(Address.parse(f"http://127.0.0.1:{port}")))


@both
def test_a_unix_socket(send: Send, tmp_path: Path) -> None:
    path = tmp_path / "s"
    client = Client(Address.parse(f"unix:{path}"))
    with pytest.raises(NoConnectionError):
        send(client)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        Peer(listener, [[OK]])
        assert send(client).status == 200


def test_a_cancelled_exchange_leaves_no_half_read_connection() -> None:
    async def cancel(client: Client) -> None:
        task = asyncio.create_task(client.send_async(Request(client, "GET", "/", None, 10.0)))
        await asyncio.to_thread(server.asked.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with peer([None], [OK]) as (client, server):
        asyncio.run(cancel(client))
        assert not client._idle
        assert blocking(client).status == 200


def test_clients_are_shared_by_address_and_token() -> None:
    address = Address.parse("http://localhost:1")
    assert Client.of(address, "a") is Client.of(address, "a")
    first = Client.of(address, "a")
    assert first is not Client.of(address, "b")


def test_a_forked_process_opens_connections_of_its_own() -> None:
    with peer([OK, OK]) as (unshared, server):
        client = Client.of(unshared.address, "secret")
        blocking(client)
        child = os.fork()
        if child == 0:  # pragma: no cover - in the child
            status = 1
            try:
                status = 0 if not client._idle else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert blocking(client).status == 200
        assert len(server.seen) == 1
