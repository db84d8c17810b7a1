"""Providers of chats on the loopback: they answer any request, and count it by a rule of their own."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CACHED = 100

Count = Callable[[dict[str, Any]], int]


def tokens_of(body: Any) -> int:  # noqa: ANN401 - whatever is sent
    """Return what the made-up providers count for a whole request: more for more of anything in it."""
    return 200 + len(json.dumps(body)) // 4


@contextmanager
def chat_server(count: Count = tokens_of) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Run the server, which counts by a rule; yield its address and the list that the bodies go to."""
    bodies: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            bodies.append(body)
            if "fail" in json.dumps(body):
                self._send(400, "application/json", b'{"error": {"type": "invalid", "message": "no"}}')
            elif body.get("stream"):
                self._send(200, "text/event-stream", _stream(body))
            else:
                self._send(
                    200, "application/json", json.dumps(_answer(self.path, body, count(body))).encode()
                )

        def _send(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", bodies
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(path: str, body: dict[str, Any], tokens: int) -> dict[str, Any]:
    message: dict[str, Any]
    usage: dict[str, Any]
    model = body.get("model")
    if path.endswith(":generateContent"):
        content = {"role": "model", "parts": [{"text": "Yes."}]}
        usage = {"promptTokenCount": tokens, "candidatesTokenCount": 2, "totalTokenCount": tokens + 2}
        return {"candidates": [{"content": content, "finishReason": "STOP"}], "usageMetadata": usage}
    if path.endswith("/chat/completions"):
        message = {"role": "assistant", "content": "Yes."}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        usage = {"prompt_tokens": tokens, "completion_tokens": 2, "total_tokens": tokens + 2}
        return {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": model,
            "choices": [choice],
            "usage": usage,
        }
    if path.endswith("/responses"):
        text = {"type": "output_text", "text": "Yes.", "annotations": []}
        message = {
            "type": "message",
            "id": "m",
            "status": "completed",
            "role": "assistant",
            "content": [text],
        }
        usage = {
            "input_tokens": tokens,
            "input_tokens_details": {"cached_tokens": CACHED},
            "output_tokens": 2,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": tokens + 2,
        }
        answer = {"id": "r", "object": "response", "created_at": 1, "model": model, "status": "completed"}
        more = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
        return answer | more | {"output": [message], "usage": usage}
    usage = {
        "input_tokens": tokens - 2 * CACHED,
        "cache_creation_input_tokens": CACHED,
        "cache_read_input_tokens": CACHED,
        "output_tokens": 2,
    }
    return {
        "id": "msg",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": "Yes."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }


def _stream(body: dict[str, Any]) -> bytes:
    delta = {"index": 0, "finish_reason": "stop", "delta": {"role": "assistant", "content": "Yes."}}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
    return f"data: {json.dumps(chunk | {'choices': [delta]})}\n\ndata: [DONE]\n\n".encode()
