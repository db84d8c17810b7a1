"""The request that is timed is one that a provider takes, and its texts are those that a peer counts."""

from token_approx.benchmarks.request_speed import MESSAGES, TOOLS, request_body, request_speed, request_texts
from token_approx.requests import read_request

TEXT = "".join(f"{number}: the boats were coming in, one after the other.\n" for number in range(2000))


def test_the_request_is_read_as_a_whole() -> None:
    """It has as many messages and tools as its name says, and nothing that cannot be counted."""
    body = request_body(TEXT)
    found = read_request(body)
    assert found.format == "anthropic"
    assert found.not_counted == ()
    assert len(body["messages"]) == MESSAGES
    assert found.counts["tools"] == TOOLS
    assert found.counts["tool_calls"] == found.counts["tool_results"] == MESSAGES // 4


def test_a_peer_counts_the_texts_that_are_estimated() -> None:
    """Each text of a message is among them, and the row says how many times as long a peer takes."""
    body, counted = request_body(TEXT), set[str]()
    texts, found = request_texts(body), read_request(body)
    for kind in ("system", "user", "assistant", "tool_result", "tool_schema"):
        assert set(found.texts[kind]) <= set(texts), kind

    def count(text: str) -> float:
        counted.add(text)
        return 0.0

    row = request_speed(TEXT, {"rs-bpe": count}, rounds=1)
    assert counted == set(texts)
    assert row["unit"] == "ms"
    assert row.keys() >= {"measure", "value", "times_rs_bpe"}
