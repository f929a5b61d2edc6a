"""Names, places, dates and amounts, from lists and invented, so that copying is learned rather than a word list."""

import random

from router.builtin.recipe import grammar

_MONTHS = grammar.load("lexicon").words("month")
_DAYS = grammar.load("lexicon").words("day")
_UNITS = grammar.load("lexicon").words("unit")


def invented(rng: random.Random) -> str:
    """Return a made-up capitalised word of one to three syllables."""
    words = grammar.load("lexicon")
    syllables = rng.choice([1, 2, 2, 2, 3])
    text = "".join(rng.choice(words.words("onset")) + rng.choice(words.words("vowel")) for _ in range(syllables))
    return (text + rng.choice(words.words("coda")) if rng.random() < 0.6 else text).capitalize()


def name(rng: random.Random) -> str:
    """Return a person's name: first, first and last, with initial, or last alone."""
    words = grammar.load("lexicon")
    first = rng.choice(words.words("first_name")) if rng.random() < 0.75 else invented(rng)
    last = rng.choice(words.words("last_name")) if rng.random() < 0.6 else invented(rng)
    draw = rng.random()
    if draw < 0.45:
        return first
    if draw < 0.92:
        return f"{first} {last}"
    if draw < 0.96:
        return f"{first} {rng.choice('ABCDEFGHJKLMNPRSTW')}. {last}"
    return last


def place(rng: random.Random) -> str:
    """Return a town, country or made-up place."""
    draw = rng.random()
    if draw < 0.7:
        return rng.choice(grammar.load("lexicon").words("place"))
    if draw < 0.9:
        return invented(rng) + rng.choice(grammar.load("lexicon").words("place_end"))
    prefix = rng.choice(["New", "San", "Port", "Saint", "North", "South", "Lake", "Mount", "East", "West"])
    return f"{prefix} {invented(rng)}"


def date(rng: random.Random) -> str:
    """Return a calendar date as people and machines write it."""
    day, month, year = rng.randint(1, 31), rng.choice(_MONTHS), rng.randint(1950, 2035)
    number = _MONTHS.index(month) + 1
    forms = (
        f"{day} {month} {year}", f"{day} {month}", f"{month} {day}", f"{month} {day}, {year}", f"{month} {ordinal(day)}",
        f"the {ordinal(day)} of {month}", f"{year}-{number:02d}-{day:02d}", f"{day}/{number}/{year}", f"{day}.{number}.{year}",
        f"{number:02d}/{day:02d}/{year}", f"{day} {month[:3]} {year}", f"{ordinal(day)} {month}", f"{month} {year}",
        f"{rng.choice(_DAYS)}", f"{rng.choice(_DAYS)}, {day} {month}", f"{month[:3]} {day}", f"the {ordinal(day)}",
        f"{day}. {month} {year}", f"{rng.choice(_DAYS)} {day} {month}", f"{month} {ordinal(day)}, {year}",
    )  # fmt: skip
    return rng.choice(forms)


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th, ..."""
    suffix = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def relative_date(rng: random.Random) -> str:
    """Return a date that leans on today: tomorrow, next Friday, two weeks ago."""
    return rng.choice(
        (
            rng.choice(["tomorrow", "yesterday", "today", "tonight"]),
            rng.choice(["next", "last", "this", "every"])
            + " "
            + rng.choice([*_DAYS, "week", "month", "year", "weekend"]),
            rng.choice(["two", "three", "five", "ten", "2", "4"])
            + " "
            + rng.choice(["days", "weeks", "years"])
            + " ago",
            "in " + rng.choice(["two", "three", "six", "3", "10"]) + " " + rng.choice(["days", "weeks", "months"]),
            rng.choice(["next", "last", "this"]) + " " + rng.choice(["spring", "summer", "autumn", "winter", *_MONTHS]),
        )
    )


def month(rng: random.Random) -> str:
    """Return a month, at times with its year."""
    text = rng.choice(_MONTHS)
    return text if rng.random() < 0.6 else f"{text} {rng.randint(1980, 2030)}"


def year(rng: random.Random) -> str:
    """Return a year."""
    return str(rng.randint(1890, 2035))


def amount(rng: random.Random) -> str:
    """Return a sum of money in one of the usual spellings."""
    draw = rng.random()
    value = number(rng)
    if draw < 0.45:
        return f"{value} {rng.choice(_UNITS)}"
    if draw < 0.85:
        return rng.choice(["$", "€", "£", "$", "€", "£", "EUR ", "USD ", "CHF "]) + value
    if draw < 0.92:
        words = grammar.load("lexicon").words("number_word")
        return f"{rng.choice(words)} {rng.choice(_UNITS[:6])}"
    big = f"{rng.randint(2, 90)} {rng.choice(['million', 'thousand', 'billion'])}"
    return f"{rng.choice('$€£')}{big}" if rng.random() < 0.5 else f"{big} {rng.choice(_UNITS[:6])}"


def number(rng: random.Random) -> str:
    """Return a plain, grouped or decimal number."""
    return rng.choice(
        (
            str(rng.randint(1, 99)),
            str(rng.randint(1, 20) * 5),
            str(rng.randint(100, 9999)),
            f"{rng.randint(1, 99)},{rng.randint(0, 999):03d}",
            f"{rng.randint(1, 300)}.{rng.randint(0, 99):02d}",
            f"{rng.randint(1, 300)},{rng.randint(0, 99):02d}",
            str(rng.randint(1, 9) * 100),
            f"{rng.randint(1, 9)},{rng.randint(0, 999):03d}.{rng.randint(0, 99):02d}",
        )
    )
