"""Words of a report and where they stand: full-width, traditional and British forms are one form each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Tokens", "lemma", "normalise", "tokenise", "words_of"]

TRADITIONAL = (
    "鈣化灶肝內膽總質實葉區門靜脈動膿腫塊節結鏡強迴點團條狀環邊緣擴張狹寬聲徵無見後癌轉移腸腎臟臨測術級診檢資診斷"
    "顯樣細織圍層緻單雙個數約徑長較變們從發現為與過進來時間歲歷華遠鄰側階殼蟲囊積氣氣體熱疸減輕壓糖尿癥黃疸痛異異"
)
SIMPLIFIED = (
    "钙化灶肝内胆总质实叶区门静脉动脓肿块节结镜强回点团条状环边缘扩张狭宽声征无见后癌转移肠肾脏临测术级诊检资诊断"
    "显样细织围层致单双个数约径长较变们从发现为与过进来时间岁历华远邻侧阶壳虫囊积气气体热疸减轻压糖尿症黄疸痛异异"
)
"""Traditional characters of the domain and their simplified forms, one for one (our list)."""

_ASCII_OFFSET = 0xFEE0
_TABLE = {
    **{code + _ASCII_OFFSET: code for code in range(0x21, 0x7F)},
    **{ord(t): ord(s) for t, s in zip(TRADITIONAL, SIMPLIFIED, strict=True)},
    **{code: code + 32 for code in range(ord("A"), ord("Z") + 1)},
    **{code + _ASCII_OFFSET: code + 32 for code in range(ord("A"), ord("Z") + 1)},
    **{ord(c): ord(" ") for c in "\u3000\u00a0\t\u2003\u2009\u200b\ufeff\r\x00"},
    **{ord(c): ord("-") for c in "‐‑‒–—―−﹣"},
    **{ord(c): ord("~") for c in "～〜∼"},
    **{ord(c): ord("x") for c in "×✕∗*＊"},
    **{ord(c): ord("'") for c in "’‘`´＇"},
    **{ord(c): ord('"') for c in "“”„＂"},
    **{ord("\u2160") + i: 0xE000 + i for i in range(8)},
    **{ord("\u2170") + i: 0xE000 + i for i in range(8)},
    ord("。"): ord("。"), ord("．"): ord("."), ord("｡"): ord("。"), ord("，"): ord(","), ord("﹐"): ord(","),
    ord("；"): ord(";"), ord("：" ): ord(":"), ord("（"): ord("("), ord("）"): ord(")"), ord("Γ"): ord("γ"),
    ord("㎎"): ord("m"), ord("肝"): ord("肝"), ord("µ"): ord("u"), ord("μ"): ord("u"), ord("脏"): ord("脏"),
    ord("璧"): ord("壁"), ord("象"): ord("象"), ord("④"): ord("4"),
}  # fmt: skip
"""One character for one character, so that a place in the normalised text is a place in the report."""

_TOKEN = re.compile(
    r"(?<![a-z0-9])[+-]ve(?![a-z])|(?<![a-z])(?:k/c/o|[hwcrsp]/[op](?![a-z])|w/(?=[ \d]))"
    r"|[a-z]+|\d+(?:\.\d+)?|[\u3400-\u9fff]|\n|[^\sa-z0-9]"
)

_IRREGULAR = {
    "foci": "focus", "calculi": "calculus", "metastases": "metastasis", "diagnoses": "diagnosis",
    "granulomata": "granuloma", "granulomas": "granuloma", "bronchi": "bronchus", "stenoses": "stenosis",
    "thrombi": "thrombus", "nuclei": "nucleus", "septae": "septum", "septa": "septum", "ova": "ova",
    "hepatoliths": "hepatolith", "ultrasonography": "ultrasound", "sonography": "ultrasound",
    "sonogram": "ultrasound", "usg": "ultrasound", "adnexae": "adnexa", "abscesses": "abscess",
    "veins": "vein", "aortas": "aorta", "calcs": "calc", "fibres": "fiber", "fibre": "fiber",
    "calibre": "caliber", "centre": "center", "centres": "center", "tumour": "tumor", "tumours": "tumor",
    "colour": "color", "favour": "favor", "favours": "favor", "favoured": "favored",
    "favouring": "favoring", "labour": "labor", "artefact": "artifact", "artefacts": "artifact",
    "grey": "gray", "dilatations": "dilatation", "visualised": "visualized", "visualise": "visualize",
    "localised": "localized", "characterised": "characterized", "embolisation": "embolization",
    "chemoembolisation": "chemoembolization", "chemoembolised": "chemoembolized", "leucocyte": "leukocyte",
    "leucocytosis": "leukocytosis", "catheterisation": "catheterization", "normalised": "normalized",
    "cholecystectomised": "cholecystectomized", "unpasteurised": "unpasteurized",
    "litre": "liter", "lesional": "lesional", "series": "series", "pus": "pus", "lens": "lens",
    "yes": "yes", "his": "his", "this": "this", "was": "was", "has": "has", "is": "is", "as": "as",
    "does": "does", "its": "its", "us": "us", "us.": "us", "vs": "vs", "versus": "versus", "plus": "plus",
    "beads": "bead", "news": "new", "varices": "varix", "biopsies": "biopsy", "calyces": "calyx",
    "indices": "index", "vertebrae": "vertebra", "sclerae": "sclera", "vesicles": "vesicle",
    "masses": "mass", "gases": "gas", "gas": "gas", "pas": "pas", "wilms": "wilms", "sinus": "sinus",
    "tips": "tips", "aids": "aids",
    "dcb": "dcb", "lbs": "lb", "axes": "axis", "grew": "grew", "echoes": "echo", "echos": "echo",
    "biliary": "biliary", "ductal": "ductal", "glissons": "glisson", "eyes": "eye",
}  # fmt: skip
"""Word forms that a rule would get wrong; keys and values in lower case."""

_KEEP_S = ("ss", "us", "is", "os")


@lru_cache(maxsize=8192)
def lemma(word: str) -> str:
    """Return the form under which an English word is looked up.

    Examples
    --------
    >>> lemma("calcifications"), lemma("haemangiomas"), lemma("foci"), lemma("stenosis")
    ('calcification', 'hemangioma', 'focus', 'stenosis')
    """
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 4:
        word = word.replace("aem", "em").replace("oedem", "edem").replace("oesoph", "esoph")
        word = word.replace("foet", "fet").replace("rrhoea", "rrhea").replace("oestr", "estr")
        word = (
            word.replace("aesth", "esth").replace("caec", "cec").replace("coel", "cel").replace("paed", "ped")
        )
        word = word.replace("isch" + "aem", "ischem").replace("ameb", "ameb").replace("amoeb", "ameb")
    if len(word) > 3 and word.endswith("s") and not word.endswith(_KEEP_S):
        if word.endswith("ies") and len(word) > 4:
            return word[:-3] + "y"
        if word.endswith(("shes", "ches", "xes", "sses")):
            return word[:-2]
        return word[:-1]
    return word


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a report, side by side.

    `words` are looked up, `raw` are as written in lower case; `starts` and `ends` are places in the
    report. Hyphens and quotes are left out. `levels` is 0 for a word, 1 for a mark that ends a clause,
    2 for one that ends a sentence, 3 for a line that ends a paragraph.
    """

    words: Sequence[str]
    raw: Sequence[str]
    starts: Sequence[int]
    ends: Sequence[int]
    levels: Sequence[int]


def normalise(text: str) -> str:
    """Return the text in lower case, half-width and simplified, character for character.

    Examples
    --------
    >>> normalise("肝內鈣化，5ＭＭ×4mm")
    '肝内钙化,5mmx4mm'
    """
    return _SLIPPED_POINT.sub(".", text.translate(_TABLE))


_SLIPPED_POINT = re.compile(r"(?<=\d)。(?=\d{1,2} ?(?:cm|mm|厘米|毫米))")
"""A Chinese full stop typed for the point of a decimal: 0。8cm."""


def words_of(phrase: str) -> list[str]:
    """Return the words of a phrase of the lexicon, as `tokenise` makes them of a report."""
    found = [w for word in _TOKEN.findall(normalise(phrase)) for w in _LONG_FORMS.get(word, (word,))]
    words = [lemma(word) for word in found if word not in _SKIPPED]
    return [w for place, w in enumerate(words) if w not in _ARTICLES or place == len(words) - 1]


_SKIPPED = frozenset("-'\"")

_ARTICLES = frozenset(("the", "a", "an", "its", "their"))
"""Words that a phrase of the lexicon is found with or without; they count only where they end it."""

_LONG_FORMS = {
    "h/o": ("history", "of"), "w/o": ("without",), "w/": ("with",), "c/o": ("complaining", "of"),
    "r/o": ("rule", "out"), "s/p": ("status", "post"), "p/o": ("post", "operative"), "hx": ("history",),
    "+ve": ("positive",), "-ve": ("negative",), "k/c/o": ("known", "case", "of"),
}  # fmt: skip
"""Short forms of the ward and the words they stand for."""

_ABBREVIATIONS = frozenset(
    (
        "dr",
        "mr",
        "mrs",
        "ms",
        "no",
        "vs",
        "approx",
        "seg",
        "fig",
        "e",
        "g",
        "i",
        "st",
        "ca",
        "max",
        "dia",
        "dept",
    )
)
"""English words whose full stop ends no sentence."""

_CLAUSE_MARKS = frozenset(",:")
_SENTENCE_MARKS = frozenset("。!?;")
LONG_LINE_SHARE = 0.75
"""A line at least this share of the longest one was broken by the edge of the page (our judgement)."""


_ASKED = re.compile(r"[\s(/-]\?[a-z]")
"""A question mark that asks about the word it is written to, as in "5 mm ?calcified", and ends nothing."""


def tokenise(normal: str) -> Tokens:
    """Return the tokens of a normalised text."""
    words: list[str] = []
    raw: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    levels: list[int] = []
    widest = max((len(line) for line in normal.splitlines()), default=0)
    line_start = 0
    for match in _TOKEN.finditer(normal):
        word = match.group()
        if word in _SKIPPED:
            continue
        start = match.start()
        level = 0
        if word == "\n":
            level = _line_level(normal, line_start, start, widest)
            line_start = start + 1
            if level == 0:
                continue
        elif word in _CLAUSE_MARKS:
            level = 1
            if (
                word == ":"
                and normal[start - 1 : start].isdigit()
                and normal[start + 1 : start + 2].isdigit()
            ):
                continue
        elif word in _SENTENCE_MARKS:
            asks_ahead = (
                word == "?"
                and normal[match.end() : match.end() + 2].strip()
                and (not levels or levels[-1] or _ASKED.match(normal, start - 1))
            )
            level = 0 if asks_ahead else 2
        elif word == ".":
            level = _stop_level(normal, start, words)
            if level == 0:
                continue
        for long in _LONG_FORMS.get(word, (word,)):
            words.append(lemma(long) if long[0].isascii() and len(long) > 1 else long)
            raw.append(long)
            starts.append(start)
            ends.append(match.end())
            levels.append(level)
    return Tokens(words, raw, starts, ends, levels)


def _stop_level(normal: str, place: int, words: Sequence[str]) -> int:
    """Return what a full stop ends: nothing in an abbreviation or inside a word."""
    after = normal[place + 1 : place + 2]
    if after and not after.isspace() and not "\u3400" <= after <= "\u9fff" and after not in "。\"')":
        return 0
    return 0 if words and words[-1] in _ABBREVIATIONS and after else 2


_BULLET = re.compile(r"\s*(?:[-•·*#]|\(?\d{1,2}[.)、:]|[a-z]\)|[①-⑳])")
_HEADING = re.compile(r"\s*[^\n:,.。;]{1,40}:")


def _line_level(normal: str, line_start: int, place: int, widest: int) -> int:
    """Return what the end of a line ends: 3 a paragraph, 2 a sentence, 0 nothing."""
    line = normal[line_start:place].rstrip()
    rest = normal[place + 1 : place + 81]
    following = rest.lstrip(" ")
    if not line or not following or following[0] == "\n":
        return 3
    if line[-1] in "。.;!?:" or _BULLET.match(following) or _HEADING.match(following):
        return 2
    if line[-1] in ",、(" or len(line) >= max(LONG_LINE_SHARE * widest, 40):
        return 0
    return 2
