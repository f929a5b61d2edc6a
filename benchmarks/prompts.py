"""Request bodies for load: many different prompts, so that no cache can flatter the figures."""

import json
import random
from collections.abc import Iterator

ASKS = (
    "Is this review positive or negative? {}",
    "Extract every name, date and amount from this text as JSON: {}",
    "Translate into French: {}",
    "Summarize in one sentence: {}",
    "Prove or refute, step by step, that the claim made here follows from its own premises: {}",
    "Write a Python function that parses notes of this kind and explain its complexity: {}",
    "Which department should answer this customer: billing, shipping, or support? {}",
    "A train leaves at {} o'clock; work out when it arrives if it loses a minute every hour.",
    "Continue this story in the style of an old traveller: {}",
    "What would you advise, and what are the risks of that advice? {}",
)
SENTENCES = (
    "The parcel arrived two days late and the box was open, but the lamp itself works well.",
    "On 14 March we transferred 1,250.40 euros to Ms. Okafor for invoice 2209.",
    "The old harbour was quiet, and only the gulls seemed to remember the ships.",
    "If every even number above two is a sum of two primes, then every odd number above five is a sum of three.",
    "My card was charged twice for the same order and nobody at the desk could tell me why.",
    "The committee found that the bridge had been inspected, repainted, and never once measured.",
    "Our tests pass on Linux, fail on one machine with a German locale, and pass again when run alone.",
    "He opened the letter, read it twice, and put the kettle on as if nothing had happened.",
    "The recipe asks for 200 g of flour, three eggs, a pinch of salt and more patience than I have.",
    "Revenue grew by 8 percent while the number of customers fell, which the report does not explain.",
    "The service answers within a second in the morning and not at all after the nightly backup starts.",
    "She wants to change her delivery address to 12 Mill Lane before Friday.",
)
SEED = 20260801
DIFFERENT = 400


def prompts() -> Iterator[str]:
    """The same 400 different prompts on every machine: about 20 to 200 words, 100 on average."""
    chance = random.Random(SEED)
    for number in range(DIFFERENT):
        text = " ".join(chance.choice(SENTENCES) for _ in range(chance.randint(1, 10)))
        yield f"Case {number}. " + chance.choice(ASKS).format(text)


def bodies(model: str, *, stream: bool) -> str:
    """One chat request a line, as `load.c` reads them."""
    extra = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    requests = ({"model": model, "messages": [{"role": "user", "content": prompt}], **extra} for prompt in prompts())
    return "".join(json.dumps(request) + "\n" for request in requests)
