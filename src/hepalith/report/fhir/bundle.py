"""A reading as a FHIR bundle: what a hospital's server takes in with one request. R4 (4.0.1) or R5 (5.0.0).

The bundle is a *transaction*: posted to the base address of a server it is taken in whole or not at all, and
sent twice it changes nothing, since every entry says how to know that it is there already. A collection
would only be stored, and a document wants the Composition of a person. Reading it needs no server: every
reference resolves within it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, cast

from hepalith.errors import OutputError, UsageError
from hepalith.reading import Reading, write_private
from hepalith.reading.wording import percent_text
from hepalith.report.fhir.context import Context, Item, context_of
from hepalith.report.fhir.element import (
    LANGUAGE_TAGS,
    LOINC,
    TERMINOLOGY,
    Json,
    compact,
    narrative,
    prune,
    uuid_identifier,
    vocabulary_term,
)
from hepalith.report.fhir.observation import describe_bodies, observe_all
from hepalith.report.fhir.plan import propose
from hepalith.report.fhir.reasoning import assess_risks, list_conditions, list_issues
from hepalith.report.fhir.source import describe_device, describe_patient, describe_people, describe_studies
from hepalith.settings import Formats

__all__ = ["FILE", "VERSIONS", "make_bundle", "write_fhir"]

FILE: Final = "bundle.fhir.json"

VERSIONS: Final = {"R4": "4.0.1", "R5": "5.0.0"}
"""What FHIR's releases are called, by their short names."""

PDF: Final = "report.pdf"

LARGEST_PDF_BYTES: Final = 4_000_000
"""Largest PDF that is put into the bundle: servers take bodies of some megabytes. Our judgement."""

CODES: Final[Mapping[tuple[str, ...], tuple[str, str]]] = {
    ("CT",): ("41806-1", "CT Abdomen"),
    ("US",): ("28614-6", "US Liver"),
}
"""LOINC's codes of a report, by what was examined; of both together it is a diagnostic imaging study.

LOINC names no CT of the liver with any contrast; 41806-1 is of the abdomen."""

ANY_IMAGING: Final = ("18748-4", "Diagnostic imaging study")
"""LOINC's code of any imaging report (FHIR R4, ValueSet report-codes)."""

FIRST_DIAGNOSES = 5
"""How many explanations the narrative lists. Our judgement."""


def write_fhir(reading: Reading, folder: Path, formats: Formats) -> None:
    """Write ``bundle.fhir.json``; a report that the folder has as PDF goes with it.

    Raises
    ------
    UsageError
        If the version of FHIR is unknown.
    OutputError
        If the file cannot be written.
    """
    if formats.fhir_version not in VERSIONS:
        raise UsageError(f"FHIR {formats.fhir_version!r} is not written; choose from {', '.join(VERSIONS)}")
    version = cast("Literal['R4', 'R5']", formats.fhir_version)
    bundle = make_bundle(reading, version, formats.language, load_pdf(folder))
    text = write_lines(bundle)
    try:
        (folder / FILE).unlink(missing_ok=True)
        write_private(folder / FILE, text)  # it names the patient
    except OSError as error:
        raise OutputError(f"{FILE} cannot be written ({error.strerror or error})") from error


def write_lines(bundle: Json) -> str:
    """Return the text of a bundle, every resource on a line of its own: half the size of an indented one."""
    head, lines = ({**bundle, "entry": []}, (dump(entry) for entry in bundle["entry"]))
    return dump(head).removesuffix("]}") + "\n" + ",\n".join(lines) + "\n]}\n"


def dump(value: Json) -> str:
    """Return JSON without spaces, in Unicode."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def load_pdf(folder: Path) -> bytes | None:
    """Return the report of a folder as PDF; None where it has none, or one too large to go along."""
    path = folder / PDF
    try:
        return path.read_bytes() if 0 < path.stat().st_size <= LARGEST_PDF_BYTES else None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutputError(f"{PDF} cannot be read ({error.strerror or error})") from error


def make_bundle(
    reading: Reading, version: Literal["R4", "R5"] = "R4", language: str = "en", pdf: bytes | None = None
) -> Json:
    """Return the bundle of a reading.

    Parameters
    ----------
    pdf
        The report for people, to go along.
    """
    context = context_of(reading, version, language)
    items = list_items(context, pdf)
    return compact(
        resourceType="Bundle",
        meta={
            "tag": [
                {"system": "http://hl7.org/fhir/FHIR-version", "code": VERSIONS[version], "display": version}
            ]
        },
        identifier=uuid_identifier(f"urn:uuid:{reading.document.reading.id}"),
        type="transaction",
        timestamp=context.accepted_at,
        entry=[prune(item.entry()) for item in items],
    )


def list_items(context: Context, pdf: bytes | None) -> list[Item]:
    """Return every resource of the bundle, the report first."""
    patient = describe_patient(context)
    observations = observe_all(context)
    studies = describe_studies(context)
    report = describe_report(context, [item.reference for item in observations], studies, pdf)
    return [
        report,
        *([patient] if patient else []),
        *describe_people(context),
        describe_device(context),
        *studies,
        *describe_bodies(context),
        *observations,
        *assess_risks(context),
        *list_issues(context),
        *list_conditions(context),
        *propose(context),
    ]


def describe_report(context: Context, results: list[Json], studies: list[Item], pdf: bytes | None) -> Item:
    """Return the report: its conclusion in words, and references to everything that it says in numbers."""
    document, language = context.document, context.language
    summary = document.summary.radiology
    accepted = document.accepted
    persons = [context.refer("practitioner")] if accepted else []
    groups = [context.refer("organization")] if accepted and accepted.organization else []
    form = pdf and {
        "contentType": "application/pdf",
        "language": LANGUAGE_TAGS[language],
        "data": base64.b64encode(pdf).decode("ascii"),
        "title": context.word("report"),
    }
    return context.item(
        "report",
        "DiagnosticReport",
        identifiers=[uuid_identifier(f"urn:uuid:{document.reading.id}")],
        text=tell_report(context),
        status=context.status,
        category=[{"coding": [{"system": f"{TERMINOLOGY}/v2-0074", "code": "RAD", "display": "Radiology"}]}],
        code=report_code(context),
        subject=context.subject,
        effectiveDateTime=context.examined,
        issued=context.accepted_at,
        performer=[*persons, *groups],
        resultsInterpreter=persons,
        result=results,
        **{"study" if context.is_r5 else "imagingStudy": [item.reference for item in studies]},
        conclusion=summary.zh if language == "zh" else summary.en,
        conclusionCode=[vocabulary_term(name, language) for name in accepted.diagnoses] if accepted else None,
        presentedForm=[form] if form else None,
    )


def report_code(context: Context) -> Json:
    """Return what kind of report it is."""
    modalities = tuple(sorted({image.modality for image in context.document.images}))
    code, display = CODES.get(modalities, ANY_IMAGING)
    return {
        "coding": [{"system": LOINC, "code": code, "display": display}],
        "text": context.word("report"),
    }


def tell_report(context: Context) -> Json:
    """Return the report for people: its words, which say what it is not, and the leading explanations."""
    document, language = context.document, context.language
    summary = document.summary.radiology
    lines = [line for line in (summary.zh if language == "zh" else summary.en).splitlines() if line.strip()]
    ranked = [
        f"{vocabulary_term(entry.diagnosis, language)['text']}: {percent_text(entry.probability, language)}"
        for entry in document.differential[:FIRST_DIAGNOSES]
    ]
    parts = [("p", context.word("report")), *(("p", line) for line in lines)]
    if ranked:
        parts += [("p", context.word("differential")), *(("p", line) for line in ranked)]
    return narrative(parts, language)
