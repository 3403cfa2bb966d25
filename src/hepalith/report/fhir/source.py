"""Who and what a bundle speaks of: the patient, the examination, the software, the person who accepted."""

from __future__ import annotations

import json
import re
import uuid
from datetime import datetime
from typing import Final
from urllib.parse import quote

from hepalith import __version__
from hepalith.reading import SourceImage
from hepalith.report.fhir.context import Context, Item
from hepalith.report.fhir.element import (
    NAMESPACE,
    TERMINOLOGY,
    UNIFORM_RESOURCE,
    Json,
    compact,
    dicom_uid,
    prune,
    uuid_identifier,
)
from hepalith.report.words import word

__all__ = ["MODALITIES", "describe_device", "describe_patient", "describe_people", "describe_studies"]

MODALITIES: Final = {"CT": "Computed Tomography", "US": "Ultrasound"}
"""DICOM's codes of the modalities that are read, and their wording (DICOM PS3.16, CID 29)."""

DICOM_CODES: Final = "http://dicom.nema.org/resources/ontology/DCM"

GENDERS: Final = {"M": "male", "F": "female", "O": "other"}
"""FHIR's administrative gender by DICOM's Patient's Sex (DICOM PS3.3, C.7.1.1; FHIR, Patient.gender)."""

REPRESENTATION: Final = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
"""HL7's extension of a name: the script it is written in."""

SCRIPTS: Final = ("ABC", "IDE", "SYL")
"""Its codes in the order of the component groups of a DICOM name (DICOM PS3.5, 6.2.1)."""

SPECIAL: Final = re.compile(r"[\\$,|]")
"""Characters that a search must escape with a backslash (FHIR R4 and R5, Search, escaping)."""

SHOWN_UID_KINDS: Final = ("study", "series", "frame of reference", "instances")


def only_once(identifier: Json) -> str:
    """Return the search by which a server knows that it has a resource of this identifier already.

    A comma in an identifier would else mean "or", and find another person (FHIR, Search, escaping).
    """
    value = SPECIAL.sub(r"\\\g<0>", identifier["value"])
    return "identifier=" + quote(f"{identifier.get('system', '')}|{value}", safe=":")


def describe_patient(context: Context) -> Item | None:
    """Return the patient as the header names them; None where nobody is named, or may be.

    An identifier of the header has no system: a server's patient is taken for this one only where it has the
    same identifier without a system. Whoever knows the hospital's system puts it in before sending.
    """
    if not context.knows_patient:
        return None
    who = context.reading.source.identity
    number = prune(who.patient_id)
    own = {"value": number.strip()} if number else uuid_identifier(context.urn("patient"))
    resource = compact(
        resourceType="Patient",
        identifier=[own],
        name=list_names(who.patient_name),
        gender=GENDERS.get(who.sex),
        birthDate=plain_date(who.birth_date),
    )
    return Item(context.urn("patient"), resource, only_once(own))


def list_names(name: str) -> list[Json]:
    """Return a DICOM person name as FHIR's, one for each script it is written in.

    Examples
    --------
    >>> list_names("Li^Hua")[0]["family"], list_names("Li^Hua=李^华")[1]["given"]
    ('Li', ['华'])
    """
    groups = (prune(name) or "").split("=")
    names = []
    for script, group in zip(SCRIPTS, groups, strict=False):
        family, given, middle, prefix, suffix = (*(part.strip() for part in group.split("^")), *[""] * 5)[:5]
        shown = " ".join(part for part in (prefix, given, middle, family, suffix) if part)
        if not shown:
            continue
        mark = [{"url": REPRESENTATION, "valueCode": script}] if len(groups) > 1 else None
        names.append(
            compact(
                extension=mark,
                text=shown,
                family=family,
                given=[part for part in (given, middle) if part],
                prefix=[prefix] if prefix else None,
                suffix=[suffix] if suffix else None,
            )
        )
    return names


def plain_date(text: str) -> str | None:
    """Return a DICOM date as FHIR's; None where it is none.

    Examples
    --------
    >>> plain_date("19600229"), plain_date("19610229"), plain_date("")
    ('1960-02-29', None, None)
    """
    try:
        return datetime.strptime(text, "%Y%m%d").date().isoformat()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None


def describe_studies(context: Context) -> list[Item]:
    """Return every examination that was read, with its series and instances."""
    by_study: dict[str, list[SourceImage]] = {}
    for image in context.reading.source.images:
        by_study.setdefault(image.study_uid, []).append(image)
    return [describe_study(context, uid, images) for uid, images in by_study.items()]


def describe_study(context: Context, uid: str, images: list[SourceImage]) -> Item:
    """Return one examination. Times are left out: DICOM's have no zone, and FHIR's need one."""
    role = f"study {uid}"
    general = images[0].general
    series: dict[str, list[SourceImage]] = {}
    for image in images:
        series.setdefault(image.series_uid, []).append(image)
    described = [describe_series(context, uid_, members) for uid_, members in series.items()]
    counts = [one.get("numberOfInstances") for one in described]
    made = [kind for kind in SHOWN_UID_KINDS if any(kind in image.stand_ins for image in images)]
    note = context.word("stand_ins", kinds=", ".join(made)) if made else None
    accession = general.accession_number and {
        "type": {"coding": [{"system": f"{TERMINOLOGY}/v2-0203", "code": "ACSN"}]},
        "value": general.accession_number,
    }
    codes = [modality_coding(image.modality) for image in images]
    modalities = [code for n, code in enumerate(codes) if code not in codes[:n]]
    resource = compact(
        resourceType="ImagingStudy",
        identifier=[dicom_uid(uid), *([accession] if accession else [])],
        status="available",
        modality=[{"coding": [code]} for code in modalities] if context.is_r5 else modalities,
        subject=context.subject,
        started=None if context.reading.source.dates_removed else plain_date(general.date),
        numberOfSeries=len(described),
        numberOfInstances=sum(counts) if None not in counts else None,
        note=[{"text": note}] if note else None,
        description=general.description,
        series=described,
    )
    return Item(context.urn(role), resource, only_once(dicom_uid(uid)))


def describe_series(context: Context, uid: str, images: list[SourceImage]) -> Json:
    """Return one series; of one without files of its own (NIfTI) or without UIDs, no instance is listed."""
    first = images[0]
    code = modality_coding(first.modality)
    classes = {i.sop_instance_uid: i.sop_class_uid for image in images for i in image.instances}
    known = first.kind == "dicom" and not any("instances" in image.stand_ins for image in images)
    return compact(
        uid=uid,
        number=first.number if first.number is not None and first.number >= 0 else None,
        modality={"coding": [code]} if context.is_r5 else code,
        description=first.description,
        numberOfInstances=len(classes) if known else None,
        instance=[
            {"uid": sop, "sopClass": {"system": UNIFORM_RESOURCE, "code": f"urn:oid:{kind}"}}
            for sop, kind in classes.items()
            if known
        ],
    )


def modality_coding(modality: str) -> Json:
    """Return DICOM's code of a modality."""
    return compact(system=DICOM_CODES, code=modality, display=MODALITIES.get(modality))


def describe_device(context: Context) -> Item:
    """Return the software, of the versions that made the reading; a server keeps one of each."""
    made = context.document.provenance
    versions = {
        "software": made.version,
        "writer of this bundle": __version__,
        "knowledge base": made.knowledge,
        f"policy {made.policy.id}": made.policy.version,
        **({"weights": made.weights} if made.weights else {}),
    }
    identifier = uuid_identifier(f"urn:uuid:{uuid.uuid5(NAMESPACE, f'device {json.dumps(versions)}')}")
    kind = {"text": context.word("software")}
    name = {"type": "user-friendly-name"}
    resource = compact(
        resourceType="Device",
        identifier=[identifier],
        status="active",
        manufacturer="hepalith",
        type=[kind] if context.is_r5 else kind,
        version=[{"type": {"text": what}, "value": value} for what, value in versions.items() if value],
        note=[{"text": word("notice", context.language)}],
        **(
            {"name": [{"value": "hepalith", **name}]}
            if context.is_r5
            else {"deviceName": [{"name": "hepalith", **name}]}
        ),
    )
    return Item(context.urn("device"), resource, only_once(identifier))


def describe_people(context: Context) -> list[Item]:
    """Return the person who accepted the reading and whom they work for; nobody before that."""
    accepted = context.document.accepted
    if accepted is None:
        return []
    found = []
    person = list_names(accepted.by) if "^" in accepted.by else [{"text": accepted.by}]
    named: dict[str, tuple[str, str, object]] = {"practitioner": ("Practitioner", accepted.by, person)}
    if accepted.organization:
        named["organization"] = ("Organization", accepted.organization, accepted.organization)
    for role, (kind, said, name) in named.items():
        own = uuid_identifier(f"urn:uuid:{uuid.uuid5(NAMESPACE, f'{role} {said}')}")
        resource = compact(resourceType=kind, identifier=[own], name=name)
        found.append(Item(context.urn(role), resource, only_once(own)))
    return found
