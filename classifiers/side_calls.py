"""The hidden side calls of chat interfaces: titles, tags, follow-ups, search queries.

Recognised by the openings of the clients' own prompt templates; a user who mentions one in passing is not one.
"""

USER_OPENINGS = (
    # Open WebUI, all of them after "### Task:"
    ("### task: generate a concise", "title"),
    ("### task: generate 1-3 broad tags", "tags"),
    ("### task: suggest 3-5 relevant follow-up", "follow_ups"),
    ("### task: analyze the chat history to determine the necessity", "query"),
    ("### task: analyze the context to determine the necessity", "query"),
    ("### task: you are an autocompletion system", "autocomplete"),
    ("### task: generate a detailed prompt for am image", "image_prompt"),
    ("### task: generate a detailed prompt for an image", "image_prompt"),
    ("your task is to reflect the speaker's likely facial expression through a fitting emoji", "emoji"),
    # LibreChat
    ("provide a concise, 5-word-or-less title", "title"),
    ("please generate a concise, 5-word-or-less title", "title"),
    ("please generate a concise title (max 40 characters)", "title"),
    ("analyze this conversation and provide: 1. the detected language", "title"),
    ("detect user language and write in the same language an extremely concise title", "title"),
    # NextChat, opencode, Claude Code
    ("please generate a four to five word title summarizing our conversation", "title"),
    ("generate a title for this conversation:", "title"),
    ("please write a 5-10 word title for the following conversation", "title"),
    ("[suggestion mode:", "follow_ups"),
)

SYSTEM_OPENINGS = (
    ("you are a title generator. you output only", "title"),
    ("you will generate a short title based on the first message", "title"),
    ("generate a concise, sentence-case title", "title"),
    ("generate a concise, 3-5 word title", "title"),
    ("analyze if this message indicates a new conversation topic", "title"),
    ("summarize this coding conversation in under 50 characters", "title"),
)
"""These may follow a first line of identity, so they are looked for in the head of the system prompt."""

HEAD = 600
"""Characters of a message that are looked at."""


def user_side_call(text: str) -> str | None:
    """The kind of side call that a last user turn opens, or None."""
    head = _head(text)
    return next((kind for opening, kind in USER_OPENINGS if head.startswith(opening)), None)


def system_side_call(text: str) -> str | None:
    """The kind of side call that a system prompt sets up, or None."""
    head = _head(text)
    return next((kind for opening, kind in SYSTEM_OPENINGS if opening in head), None)


def _head(text: str) -> str:
    return " ".join(text[:HEAD].lower().split())
