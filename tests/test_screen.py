"""The start screen."""

from io import StringIO
from pathlib import Path

from rich.console import Console

from router import policy
from router.runtime import Runtime
from router.screen import show


def test_the_screen_shows_address_models_and_lines_to_paste(tmp_path: Path):
    """A newcomer sees where it listens, what each model needs, and what to type next, without a terminal's codes."""
    config = policy.load(policy.DEFAULT_FILE, {"XDG_STATE_HOME": str(tmp_path)})
    printed = StringIO()
    show(Runtime(config), Console(file=printed, width=60))
    text = printed.getvalue()
    assert "http://127.0.0.1:8080" in text
    assert "model    large  missing  cloud   set OPENAI_API_KEY, ANTHROPIC_API_KEY or SHUNT_LARGE_URL" in text
    assert "policy   auto: asked-small, then asked-large" in text
    assert "curl http://127.0.0.1:8080/v1/chat/completions" in text
    assert 'base_url="http://127.0.0.1:8080/v1"' in text
    assert "ANTHROPIC_BASE_URL=http://127.0.0.1:8080" in text
    assert "/v1/messages" in text
    assert "does not serve" not in text
    assert "\x1b" not in text
