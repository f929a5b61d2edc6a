"""Remove what clients wrap around a user's words: reminders, tool results, environment descriptions.

One pass over the tags, no backtracking: a tag is recognised by a bounded look-ahead, and a closing tag that was not
found once is never searched again, so the work is linear in the text.
"""

import re
from collections.abc import Iterator

REMOVED = frozenset(
    (
        "additional_context",
        "attached_files",
        "attachments",
        "available_skills",
        "context",
        "editorcontext",
        "environment_context",
        "environment_details",
        "environment_info",
        "file_content",
        "function_results",
        "ide_opened_file",
        "ide_selection",
        "instructions",
        "open_and_recently_viewed_files",
        "permissions",
        "reminderinstructions",
        "skills_instructions",
        "system_reminder",
        "system-reminder",
        "task-notification",
        "tool_result",
        "tool_results",
        "user_instructions",
        "workspace_info",
    )
)
"""Elements (lower case) whose content no user wrote."""

REMOVED_PREFIXES = ("command-", "local-command-", "bash-")

OPENED = frozenset(("task", "feedback", "user_message", "user-message"))
"""Elements around the user's own words among other elements: the tags go, the words stay."""

QUERIES = ("user_query", "userRequest", "user_request")
"""Where one of these stands, the words of the user are in it and everything else is a template's."""

PREAMBLES = (
    "# AGENTS.md instructions for ",
    "[Request interrupted by user",
    "Caveat: The messages below were generated",
)
"""Lines that start like this are a client's own."""

UNCLOSED = 32
"""Names of elements that may turn out to be unclosed before no further one is searched to the end of the text."""

TAGS = 512
"""Tags of one text that are looked at; what stands behind them is left as it is."""

# Bounded look-ahead: at most 48 characters of name and 200 of attributes.
_TAG = re.compile(r"<(/?)([A-Za-z_][\w.-]{0,47})(?:\s[^<>]{0,200})?>")


def unwrap(text: str, tags: int = TAGS) -> str:
    """The user's own words in one turn; at most `tags` of its tags are looked at."""
    for name in QUERIES:
        inside = _between(text, f"<{name}>", f"</{name}>")
        if inside is not None:
            return inside.strip()
    kept = "".join(_kept(text, tags)) if "<" in text else text
    if any(preamble in kept for preamble in PREAMBLES):
        kept = "\n".join(line for line in kept.split("\n") if not line.startswith(PREAMBLES))
    return kept.strip()


def _between(text: str, opening: str, closing: str) -> str | None:
    start = text.rfind(opening)
    end = text.find(closing, start) if start >= 0 else -1
    return text[start + len(opening) : end] if end >= 0 else None


def _kept(text: str, tags: int) -> Iterator[str]:
    unclosed: set[str] = set()
    place = 0
    for _ in range(tags):
        tag = _TAG.search(text, place)
        if tag is None:
            break
        name = tag[2].lower()
        removed = name in REMOVED or name.startswith(REMOVED_PREFIXES)
        if not removed and name not in OPENED:
            yield text[place : tag.end()]
            place = tag.end()
            continue
        yield text[place : tag.start()]
        place = tag.end()
        if removed and not tag[1]:
            place = _after(text, tag, unclosed)
    yield text[place:]


def _after(text: str, tag: re.Match[str], unclosed: set[str]) -> int:
    # An element that is never closed is a user talking about a tag: only the tag goes.
    closing = f"</{tag[2]}>"
    if closing in unclosed or len(unclosed) == UNCLOSED:
        return tag.end()
    end = text.find(closing, tag.end())
    if end < 0:
        unclosed.add(closing)
        return tag.end()
    return end + len(closing)
