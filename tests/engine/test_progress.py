"""What a person sees of a download."""

import io

from rich.console import Console

from router.engine.progress import shown

MB = 1 << 20


def _console(*, terminal: bool) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, force_terminal=terminal, width=100), out


def test_plain_lines_without_a_terminal() -> None:
    """In a log a download is a line for each tenth, without escape codes."""
    console, out = _console(terminal=False)
    with shown("small", console) as report:
        for done in range(101):
            report(done * MB, 100 * MB)
    lines = out.getvalue().splitlines()
    assert len(lines) == 11
    assert lines[0] == "small: 0 bytes of 104.9 MB (0 %)"
    assert lines[-1] == "small: 104.9 MB of 104.9 MB (100 %)"
    assert "\x1b" not in out.getvalue()


def test_unknown_size_is_shown_as_it_grows() -> None:
    """Without a total there is a line now and then."""
    console, out = _console(terminal=False)
    with shown("small", console) as report:
        for done in range(1000):
            report(done * MB, None)
    assert out.getvalue().splitlines()[:2] == ["small: 0 bytes", "small: 268.4 MB"]


def test_bars_in_a_terminal_share_it() -> None:
    """Two downloads at a time show two bars, and leave nothing behind."""
    console, out = _console(terminal=True)
    with shown("small", console) as one, shown("other", console) as two:
        one(50 * MB, 100 * MB)
        two(10 * MB, 100 * MB)
        console.print("a line above")
    assert "small" in out.getvalue()
    assert "other" in out.getvalue()
    assert "a line above" in out.getvalue()
