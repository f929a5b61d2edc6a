"""Language, client, clock and keywords: what is told, and what is left open."""

# ruff: noqa: RUF001 (words of other alphabets are what it is about)

import pytest

from router.condition import Within
from router.policy.client import client_of
from router.policy.clock import is_within, moment
from router.policy.language import language_of
from router.policy.matching import PatternError, any_keyword, pattern


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hallo, wie geht es dir?", "de"),
        ("What is the capital of France?", "en"),
        ("Quelle est la capitale de la France ?", "fr"),
        ("¿Cuál es la capital de España?", "es"),
        ("Come posso resettare la password?", "it"),
        ("Como posso cancelar a minha conta?", "pt"),
        ("Hoe kan ik mijn wachtwoord wijzigen?", "nl"),
        ("Jak mogę zmienić hasło?", "pl"),
        ("Şifremi nasıl değiştirebilirim?", "tr"),
        ("как дела и что нового", "ru"),
        ("як справи і що нового", "uk"),
        ("كيف حالك وما هذا", "ar"),
        ("请问如何重置密码", "zh"),
        ("パスワードを忘れました", "ja"),
        ("비밀번호를 잊어버렸어요", "ko"),
        ("สวัสดีครับ", "th"),
        ("hi", "en"),
        ("2 + 2", "unknown"),
        ("```\nif x is not None: return the_value\n```", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_short_text_is_told_by_its_small_words(text: str, language: str):
    """One sentence is enough, and where nothing speaks the answer is unknown."""
    assert language == language_of(text)


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        ({"user-agent": "claude-cli/2.0.1 (external, cli)"}, "claude-code"),
        ({"user-agent": "codex_cli_rs/0.21"}, "codex"),
        ({"user-agent": "OpenAI/Python 2.54.0"}, "openai-sdk"),
        ({"user-agent": "AsyncOpenAI/Python 2.54.0"}, "openai-sdk"),
        ({"user-agent": "OpenAI/JS 6", "x-title": "Roo Code"}, "roo-code"),
        ({"user-agent": "curl/8.9"}, "curl"),
        ({"x-openwebui-user-id": "1"}, "open-webui"),
        ({}, "other"),
    ],
)
def test_a_client_is_told_by_its_headers(headers: dict[str, str], client: str):
    """A program's own name comes before the library that it is built on."""
    assert client == client_of(headers)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-03-06T22:00:00+01:00", True),
        ("2026-03-06T21:59:00+01:00", False),
        ("2026-03-07T05:59:00+01:00", True),
        ("2026-03-07T06:00:00+01:00", False),
        ("2026-03-08T03:00:00+01:00", False),
        ("2026-07-03T20:30:00+00:00", True),
    ],
)
def test_a_window_passes_midnight_and_summer(at: str, expected: bool):
    """A night belongs to the day on which it begins, by the clock on the wall."""
    seconds = moment(at)
    assert seconds is not None
    assert expected is is_within(Within(22 * 60, 6 * 60, frozenset({4}), "Europe/Zurich"), seconds)


@pytest.mark.parametrize("written", ["soon", "2026-03-06T22:00:00", ""])
def test_a_moment_needs_an_offset(written: str):
    """Without an offset nobody knows when it is."""
    assert moment(written) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("REFUND!", True),
        ("(refund)", True),
        ("refundable", False),
        ("prefund", False),
        ("我要退款了", True),
        ("a+b", True),
    ],
)
def test_keywords_are_whole_words(text: str, expected: bool):
    """A keyword is found beside anything but letters; writing without blanks has no such borders."""
    assert expected is (any_keyword(["refund", "退款", "a+b"]).search(text.encode()) is not None)


def test_a_pattern_that_is_none_is_refused_with_a_reason():
    """The message says what RE2 misses."""
    with pytest.raises(PatternError, match=r"missing \)"):
        pattern("(a")
