"""A body for each path that takes one, and how a stream looks."""

from collections.abc import Mapping

from router.chat import Json

TURNS = [{"role": "user", "content": "Is this review positive or negative? The room was clean and quiet."}]

BODIES: Mapping[str, Json] = {
    "/v1/chat/completions": {"model": "auto", "messages": TURNS, "max_tokens": 64, "temperature": 0},
    "/v1/completions": {"model": "small", "prompt": "Once upon a time", "max_tokens": 16, "temperature": 0},
    "/v1/embeddings": {"model": "vectors", "input": ["What is due?", "The invoice is due on Friday."]},
    "/v1/messages": {"model": "auto", "max_tokens": 64, "messages": TURNS},
    "/v1/messages/count_tokens": {"model": "auto", "messages": TURNS},
    "/v1/responses": {"model": "auto", "input": TURNS, "max_output_tokens": 64},
    "/v1/tokenize": {"model": "small", "prompt": "Hello there"},
    "/v1/detokenize": {"model": "small", "tokens": [72, 105]},
    "/v1/route": {"model": "auto", "messages": TURNS},
    "/v1/feedback": {"request_id": "req_2f6c0e9a41b7d35c", "thumbs": "up"},
}

STREAMS: Mapping[str, str] = {
    "/v1/chat/completions": (
        'data: {"id":"chatcmpl-req_2f6c","object":"chat.completion.chunk","created":1790000000,"model":"small",'
        '"choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}\n\n'
        "data: [DONE]\n\n"
    ),
    "/v1/completions": (
        'data: {"id":"cmpl-req_2f6c","object":"text_completion","created":1790000000,"model":"small",'
        '"choices":[{"text":" there","index":0,"logprobs":null,"finish_reason":null}]}\n\n'
        "data: [DONE]\n\n"
    ),
    "/v1/messages": (
        "event: content_block_delta\n"
        'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Positive"}}\n\n'
        'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    ),
    "/v1/responses": (
        "event: response.output_text.delta\n"
        'data: {"type":"response.output_text.delta","sequence_number":4,"item_id":"msg_2f6c","output_index":0,'
        '"content_index":0,"delta":"Positive","logprobs":[]}\n\n'
    ),
}
