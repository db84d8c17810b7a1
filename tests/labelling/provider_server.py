"""A provider's counting endpoints on the loopback, which fails as real ones do when it is told to."""

import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FRAMING = 7
# Ends the connection with a reset instead of an orderly close.
LINGER_NOT = struct.pack("ii", 1, 0)
STATUS = {"429": 429, "500": 500, "529": 529, "401": 401, "403": 403, "404": 404, "413": 413, "400": 400}

# Of a text and the number of times it was asked for before: the fault to answer with, or None.
Plan = Callable[[str, int], str | None]


def tokens_of(text: str) -> int:
    """Return what the made-up provider counts: one token per four characters, and the framing."""
    return FRAMING + -(-len(text) // 4)


class Provider(ThreadingHTTPServer):
    """Answers Anthropic's, OpenAI's and Google's counting requests and remembers what was asked."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        """Listen on a free port of the loopback."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.plan: Plan = lambda _text, _before: None
        self.retry_after = "0.01"
        self.message = "made-up failure"
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.headers_seen: list[dict[str, str]] = []
        self.at_once = 0
        self.most_at_once = 0
        self.news = threading.Condition()
        self.before_answer: Callable[[str], object] = lambda _text: None

    @property
    def url(self) -> str:
        """Return the server's address."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def wait_for_answers(self, number: int, timeout: float = 60) -> None:
        """Wait until so many questions have been answered."""
        with self.news:
            assert self.news.wait_for(lambda: self.answered.total() >= number, timeout), self.answered.total()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that are gone."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Provider
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer one question, or fail as planned."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text, answer = self._question(body)
        with self.server.news:
            self.server.at_once += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.at_once)
            fault = self.server.plan(text, self.server.asked[text])
            self.server.asked[text] += 1
            self.server.headers_seen.append(dict(self.headers))
            if fault:
                self.server.faults[fault] += 1
        try:
            self.server.before_answer(text)
            if fault is None:
                self._send(200, answer)
            else:
                self._fail(fault, answer)
        finally:
            with self.server.news:
                self.server.at_once -= 1
                if fault is None:
                    self.server.answered[text] += 1
                    self.server.news.notify_all()

    def _question(self, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        if self.path.startswith("/v1/messages/count_tokens"):
            text = body["messages"][0]["content"]
            return text, {"input_tokens": tokens_of(text)}
        if self.path.startswith("/v1/responses/input_tokens"):
            text = body["input"]
            return text, {"object": "response.input_tokens", "input_tokens": tokens_of(text)}
        assert ":countTokens" in self.path, self.path
        text = body["contents"][0]["parts"][0]["text"]
        return text, {"totalTokens": tokens_of(text)}

    def _fail(self, fault: str, answer: dict[str, Any]) -> None:
        self.close_connection = True
        if fault == "timeout":
            self.connection.recv(1)  # returns when the client has given up
        elif fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
            self.connection.close()
        elif fault == "half":
            data = json.dumps(answer).encode()
            self._head(200, len(data))
            self.wfile.write(data[: len(data) // 2])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fault == "no json":
            self._head(200, 9)
            self.wfile.write(b'{"input_t')
        elif fault == "wrong json":
            self._send(200, {"result": ["of", "another", "kind"]})
        elif fault == "html":
            self._head(200, 15, "text/html")
            self.wfile.write(b"<p>gateway</p>\n")
        else:
            status = STATUS[fault]
            error = {"type": "error", "message": self.server.message, "code": status, "status": "made-up"}
            self._send(status, {"type": "error", "error": error})

    def _send(self, status: int, content: dict[str, Any]) -> None:
        data = json.dumps(content).encode()
        self._head(status, len(data))
        self.wfile.write(data)

    def _head(self, status: int, length: int, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        if self.close_connection:
            self.send_header("Connection", "close")
        if status == STATUS["429"]:
            self.send_header("Retry-After", self.server.retry_after)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


@contextmanager
def running() -> Iterator[Provider]:
    """Run a provider until the block ends."""
    with Provider() as provider:
        thread = threading.Thread(target=provider.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield provider
        provider.shutdown()
        thread.join()
