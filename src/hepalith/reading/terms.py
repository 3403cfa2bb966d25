"""Terms as people read them, also those of a newer vocabulary than this one."""

from __future__ import annotations

from hepalith.vocabulary import inline, load_vocabulary

__all__ = ["code_of", "say", "say_choice", "say_inline"]


def say(term: str, language: str) -> str:
    """Return the display of a vocabulary id.

    A reading made by a later version may use a term that this one does not know; it is then said
    by its id, with spaces, rather than refused.

    Examples
    --------
    >>> say("some_later_term", "en")
    'some later term'
    """
    vocabulary = load_vocabulary()
    return vocabulary.display(term, language) if term in vocabulary else term.replace("_", " ")


def say_inline(term: str, language: str) -> str:
    """Return the display of a vocabulary id within a sentence: a small first letter, but for names.

    Examples
    --------
    >>> say_inline("simple_healed", "en"), say_inline("caroli", "en")
    ('simple or healed calcification', 'Caroli disease')
    """
    return inline(say(term, language), language)


def say_choice(term: str, choice: str, language: str) -> str:
    """Return the display of a choice of a term; by its id where this version does not know it."""
    vocabulary = load_vocabulary()
    known = vocabulary[term].choices if term in vocabulary else ()
    named = [c.zh if language == "zh" else c.en for c in known if c.id == choice]
    return named[0] if named else choice.replace("_", " ")


def code_of(term: str) -> str | None:
    """Return the standard code of a vocabulary id, as ``system:value``; ``None`` where it has none."""
    vocabulary = load_vocabulary()
    code = vocabulary[term].code if term in vocabulary else None
    return f"{code.system}:{code.value}" if code else None
