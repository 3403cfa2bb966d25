"""What is proposed, in FHIR: a care plan that nobody has ordered, with a dated request for every step.

Everything is a proposal and a draft, also of a reading that a person has accepted: to accept what was seen is
not to order what may follow from it.
"""

from __future__ import annotations

from collections.abc import Iterator

from hepalith.reading.conclusion import ActionEntry, DueEntry, MonthsEntry, NextTestEntry, RepeatEntry
from hepalith.reading.translate import in_language, translate
from hepalith.reading.wording import format_number, months_text, repeat_text
from hepalith.report.fhir.context import Context, Item
from hepalith.report.fhir.element import (
    AFTER_EXAMINATION,
    Json,
    compact,
    months,
    narrative,
    number,
    quantity,
    vocabulary_term,
)

__all__ = ["propose"]


def propose(context: Context) -> list[Item]:
    """Return the care plan and its requests; nothing where neither step nor test is proposed."""
    document, language = context.document, context.language
    steps = [item for n, step in enumerate(document.plan) for item in request_step(context, n, step)]
    tests = [request_test(context, n, test) for n, test in enumerate(document.next_tests)]
    said = [in_language(step.text, step.text_zh, language) for step in document.plan if step.asks_nothing]
    if not (steps or tests or said):
        return []
    tops = [item for item in (*steps, *tests) if "basedOn" not in item.resource]
    key = "plannedActivityReference" if context.is_r5 else "reference"
    lines = [("p", in_language(step.text, step.text_zh, language)) for step in document.plan]
    plan = context.item(
        "plan",
        "CarePlan",
        text=narrative([("p", context.word("follow_up")), *lines], language),
        status="draft",
        intent="proposal",
        category=[context.concept("follow_up")],
        title=context.word("follow_up"),
        subject=context.subject,
        contributor=[context.refer("device")],
        supportingInfo=[context.refer("report")],
        activity=[{key: item.reference} for item in tops],
        note=[{"text": text} for text in said],
    )
    return [plan, *steps, *tests]


def request(
    context: Context, role: str, term: str, category: str, notes: list[str], **elements: object
) -> Item:
    """Return one proposed request."""
    code = vocabulary_term(term, context.language)
    report = context.refer("report")
    reason = {"reason": [{"reference": report}]} if context.is_r5 else {"reasonReference": [report]}
    return context.item(
        role,
        "ServiceRequest",
        status="draft",
        intent="proposal",
        category=[context.concept(category)],
        code={"concept": code} if context.is_r5 else code,
        subject=context.subject,
        requester=context.refer("device"),
        **reason,
        **elements,
        note=[{"text": text} for text in notes if text],
    )


def request_step(context: Context, at: int, step: ActionEntry) -> Iterator[Item]:
    """Yield the request of a step, and of one that is repeated the request of every dated visit."""
    if step.asks_nothing:
        return
    language, role = context.language, f"step {at} {step.action}"
    repeat = step.repeat
    notes = [
        in_language(step.text, step.text_zh, language),
        context.word(
            "of_source", source=translate(step.source, language), strength=translate(step.strength, language)
        ),
    ]
    if repeat is not None and repeat.may_stop_from_months is not None:
        notes.append(context.word("may_stop", months=format_number(repeat.may_stop_from_months)))
    occurrence = repeated(context, step, repeat) if repeat else once(context, step.after, step.due)
    top = request(
        context,
        role,
        step.action,
        "follow_up",
        notes,
        priority="urgent" if step.after is not None and step.after.to_months == 0 else None,
        **occurrence,
    )
    yield top
    for n, visit in enumerate(step.visits):
        if visit.due is not None:
            when = once(context, visit.after, visit.due)
            yield request(
                context,
                f"{role} visit {n}",
                step.action,
                "follow_up",
                [months_text(visit.after, language)],
                basedOn=[top.reference],
                **when,
            )


def once(context: Context, after: MonthsEntry | None, due: DueEntry | None) -> Json:
    """Return when a step is due: between two dates, or where the examination has none in months after it."""
    if after is None and due is None:
        return {}
    span = [months(AFTER_EXAMINATION, after.from_months, after.to_months)] if after else None
    if due is not None:
        return {
            "occurrencePeriod": compact(extension=span, start=due.start.isoformat(), end=due.end.isoformat())
        }
    text = months_text(after, context.language) if after else ""
    return {"occurrenceTiming": compact(extension=span, code=compact(text=text))}


def repeated(context: Context, step: ActionEntry, repeat: RepeatEntry) -> Json:
    """Return how often a step is repeated, from when and until when."""
    low, high = repeat.every_months
    first = step.due.start.isoformat() if step.due else None
    stop = step.stop.isoformat() if step.stop else None
    bounds = (
        {"boundsPeriod": compact(start=first, end=stop)}
        if first or stop
        else {"boundsDuration": quantity(repeat.until_months, "mo")}
    )
    span = months(AFTER_EXAMINATION, step.after.from_months, step.after.to_months) if step.after else None
    rule = {
        **bounds,
        "frequency": 1,
        "period": number(low),
        **({"periodMax": number(high)} if high > low else {}),
        "periodUnit": "mo",
    }
    return {
        "occurrenceTiming": compact(
            extension=[span] if span else None,
            repeat=rule,
            code={"text": repeat_text(repeat, context.language)},
        )
    }


def request_test(context: Context, at: int, test: NextTestEntry) -> Item:
    """Return the request of an examination that would tell most next; the plan has them in that order."""
    language = context.language
    harm = in_language(test.harm, test.harm_zh, language)
    notes = [
        in_language(test.why, test.why_zh, language),
        context.word("harm", harm=harm) if harm else "",
        translate(test.source, language),
    ]
    return request(context, f"test {at} {test.test}", test.test, "next_test", notes)
