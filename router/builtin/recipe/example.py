"""One training example: a conversation whose assistant turns are to be learned."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Turn:
    """What is asked, what is to be answered, and the instruction that may stand in a system prompt instead."""

    task: str
    prompt: str
    answer: str
    system: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """A whole conversation: the system prompt (empty for none) and its turns in order."""

    system: str
    turns: tuple[Turn, ...]

    @property
    def messages(self) -> list[dict[str, str]]:
        """The conversation as chat messages, the last answer included."""
        messages = [{"role": "system", "content": self.system}] if self.system else []
        for turn in self.turns:
            messages += [{"role": "user", "content": turn.prompt}, {"role": "assistant", "content": turn.answer}]
        return messages
