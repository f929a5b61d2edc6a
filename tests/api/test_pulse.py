"""When a silent stream gets a comment."""

from router.api.pulse import Pulse
from router.config import ServerConfig

SERVER = ServerConfig(keepalive_s=10.0, open_after_s=30.0)


async def test_the_status_waits_as_long_as_another_target_may_answer():
    """Ten seconds where nobody is left, thirty where somebody is, and then every ten seconds of silence."""
    now, may_answer, sent = 100.0, True, []

    async def send(message: dict) -> None:
        sent.append(message["type"])

    pulse = Pulse(send, b": ping\n\n", SERVER, lambda: may_answer)
    pulse._timer.cancel()
    pulse._now = lambda: now
    pulse._began = pulse._last = now
    now = 105.0
    assert pulse._due() == 115.0
    now = 125.0
    assert pulse._due() == 130.0
    may_answer = False
    assert pulse._due() == 110.0
    await pulse.say(b"x")
    assert pulse._due() == 135.0
    await pulse.end(b"y")
    assert sent == ["http.response.start", "http.response.body", "http.response.body"]
