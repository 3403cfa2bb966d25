"""Free sentences of the stages in Chinese: known ones by a table, unknown ones left as they are."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files

from hepalith.vocabulary import load_vocabulary

__all__ = ["in_language", "translate"]

BUT = "but "
"""How a stage begins the strongest reason against what it says."""

CITED = re.compile(r"(?P<source>.+) \(grade (?P<grade>[ABCK])(?:, n = (?P<cases>\d+))?\)")
"""How the knowledge base cites a number: its source, its grade, how many cases."""


@cache
def load_sentences() -> tuple[dict[str, str], tuple[tuple[re.Pattern[str], str], ...]]:
    """Return the plain sentences, and those with blanks as patterns; each with its Chinese."""
    text = files("hepalith.reading").joinpath("translations.toml").read_text(encoding="utf-8")
    table: dict[str, str] = tomllib.loads(text)["sentences"]
    plain = {english: chinese for english, chinese in table.items() if "{" not in english}
    patterns = tuple(
        (re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(english))), chinese)
        for english, chinese in table.items()
        if "{" in english
    )
    return plain, patterns


def translate(text: str, language: str) -> str:
    """Return a stage's sentence in `language`; what the table does not know stays English.

    Examples
    --------
    >>> translate("peak 465 HU, 410 above the liver about it; but mostly outside the liver", "zh")
    '峰值465 HU，高于周围肝实质410 HU；但大部位于肝外'
    >>> translate("a sentence of a later version", "zh")
    'a sentence of a later version'
    """
    if language != "zh":
        return text
    whole = translate_clause(text)
    if whole is not None:
        return whole
    if cited := CITED.fullmatch(text):
        cases = f"，n = {cited['cases']}" if cited["cases"] else ""
        return f"{translate(cited['source'], language)}（{cited['grade']}级{cases}）"
    clauses = []
    for clause in text.split("; "):
        against = clause.startswith(BUT)
        said = translate_clause(clause.removeprefix(BUT))
        clauses.append(clause if said is None else f"但{said}" if against else said)
    return "；".join(clauses)


def in_language(english: str, chinese: str, language: str) -> str:
    """Return a text that was written in both languages; without its Chinese, what the table knows of it.

    Examples
    --------
    >>> in_language("Fetch it.", "调取。", "zh"), in_language("Fetch it.", "", "en")
    ('调取。', 'Fetch it.')
    """
    return chinese if language == "zh" and chinese else translate(english, language)


@cache
def terms_in_chinese() -> dict[str, str]:
    """Return the Chinese of every term of the vocabulary by its English name."""
    return {term.en.casefold(): term.zh for term in load_vocabulary()}


def term_in_chinese(name: str) -> str:
    """Return the Chinese of what fills a blank, where it is a term of the vocabulary; else as it is.

    Examples
    --------
    >>> term_in_chinese("carcinoembryonic antigen"), term_in_chinese("410")
    ('癌胚抗原', '410')
    """
    return terms_in_chinese().get(name.casefold(), name)


def translate_clause(clause: str) -> str | None:
    """Return the Chinese of one clause, ``None`` where the table does not know it."""
    plain, patterns = load_sentences()
    said = clause.strip().rstrip(".")
    for known in (clause, said):
        if known in plain:
            return plain[known]
    for pattern, chinese in patterns:
        found = pattern.fullmatch(said)
        if found:
            blanks = found.groupdict().items()
            return chinese.format(**{key: plain.get(said) or term_in_chinese(said) for key, said in blanks})
    return None
