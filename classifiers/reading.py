"""Text as the classifier reads it: bounded by sampling, folded, and cut into words.

Everything here is linear in the sample and shared by training and by the fast path, so that both see one text.
"""

import re
import unicodedata
from dataclasses import dataclass

from classifiers.marks import Marks
from classifiers.sampling import CAP, sample
from classifiers.survey import Tokens, survey
from classifiers.tokens import Points, points_of

# Courtesies and announcements around a request change nothing about it. Bounded, and few are taken off in a row.
_PLEASE = (
    "please|pls|kindly|(?:could|can|would|will) you(?: please| kindly)?|bitte|s'il (?:vous|te) pla[iî]t|por favor"
    "|per favore|пожалуйста|请|lütfen|proszę|alstublieft|hi|hello|hey|dear assistant"
    "|i(?: would|'d)? (?:like|want|need) you to|(?:kannst|könntest) du|können sie|(?:peux-tu|pourrais-tu|pouvez-vous)"
    "|(?:puedes|podrías)|(?:puoi|potresti)|(?:você pode|poderia)|(?:можешь|можете|не мог(?:ли|ла)? бы (?:ты|вы))"
)
_ANNOUNCED = (
    "(?:do|complete|perform|carry out|answer|help me with) (?:this|the following)(?: task| request| question| problem)?"
    "|(?:here is|this is|i have) (?:my|a|the)(?: quick)? (?:question|request|task)(?: for you)?"
    "|my (?:question|request|task) is(?: this| as follows| the following)?"
)
_OPENING = re.compile(rf"(?:(?:(?:{_PLEASE})(?:\s*[,!:.]\s*|\s+(?!there\b))|(?:{_ANNOUNCED})\s*[:.]\s*)){{1,3}}(?=\S)")
_THANKS = (
    *("thanks", "thank you", "thx", "danke", "merci", "gracias", "grazie", "obrigado", "obrigada", "спасибо", "谢谢"),
    *("please", "bitte", "por favor", "ありがとう"),
)
_CLOSING = re.compile(
    rf"(?<=\S)(?:\s*[,.!?;。]\s*|\s+)(?:many )?(?:{'|'.join(_THANKS)})"
    r"(?: (?:a lot|so much|very much|in advance|schön))?\s*[.!。]*$"
)
CLOSING_CHARACTERS = 60

# A text that is given to be worked on. Neither mark inside of it, so that the search is linear.
_QUOTED = re.compile(
    r'"[^"]{12,}"|“[^“”]{6,}”|«[^«»]{6,}»|„[^„“”"]{6,}[“”"]|「[^「」]{6,}」|『[^『』]{6,}』',
)
_LIGATURES = (("\ufdfa", "\u0635\u0644\u0649"), ("\ufdfb", "\u062c\u0644"))
"""Two characters that would unfold to whole sentences, and the first word of each."""

LEAST_ASKED = 8
"""With fewer characters than this around it, a quotation is all there is and stays."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One text, read once: `size` estimates the whole of it in folded characters, the rest describes the sample.

    `raw` is the sample as written, `folded` the same in NFKC and lower case with white space collapsed and courtesies
    taken off, and `codes` are the code points of `folded`, 32 bits each. `quoted` says how many characters `instruction`
    left out.
    """

    size: float
    raw: str
    folded: str
    codes: bytes
    marks: Marks
    tokens: Tokens
    quoted: int = 0

    @property
    def points(self) -> Points:
        """The code points as numbers to index with."""
        return points_of(self.codes)


def read(text: str) -> Reading:
    """Read a text of any length and content; never raises."""
    raw = sample(text)
    plain = raw if raw.isascii() else _normalized(raw)
    folded = _without_courtesies(" ".join(plain.lower().split()))[:CAP]
    return _read(len(folded) * len(text) / max(len(raw), 1), raw, folded)


def _normalized(raw: str) -> str:
    for ligature, word in _LIGATURES:
        raw = raw.replace(ligature, word)
    return sample(unicodedata.normalize("NFKC", raw))


def instruction(reading: Reading) -> Reading:
    """What is asked, without the quoted texts that it is asked about; the reading itself where nothing is quoted."""
    if not reading.marks.quote:
        return reading
    asked = _QUOTED.sub(lambda quoted: quoted[0][0] + quoted[0][-1], reading.folded)
    if asked == reading.folded or len(asked) < LEAST_ASKED:
        return reading
    return _read(float(len(asked)), reading.raw, asked, len(reading.folded) - len(asked))


def _read(size: float, raw: str, folded: str, quoted: int = 0) -> Reading:
    codes = folded.encode("utf-32-le", "surrogatepass")
    return Reading(size, raw, folded, codes, *survey(folded, codes), quoted)


def _without_courtesies(text: str) -> str:
    opening = _OPENING.match(text)
    if opening is not None:
        text = text[opening.end() :]
    # Most texts end without thanks, and a search for the pattern would try every place.
    if not any(map(text[-CLOSING_CHARACTERS:].__contains__, _THANKS)):
        return text
    closing = _CLOSING.search(text, max(len(text) - CLOSING_CHARACTERS, 0))
    if closing is None:
        return text
    kept = text[: closing.start() + 1]
    return kept if kept[-1] in ".!?;。" else kept.rstrip(" ,")
