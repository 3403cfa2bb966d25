"""One patient, one examination: headers sorted to studies, and one study picked or refused."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from hepalith.errors import MixedStudiesError, UsageError
from hepalith.settings import Settings
from hepalith.study.acquisition import Identity, Series, SeriesLeft, Study
from hepalith.study.group import group_series
from hepalith.study.group_ultrasound import group_ultrasound
from hepalith.study.header import Header
from hepalith.study.keep import MAX_LISTED, Kept, pick_nameless
from hepalith.study.still_file import StillFile
from hepalith.study.uid import make_uid
from hepalith.study.volume_file import VolumeFile

__all__ = ["parse_date", "pick_study"]


NOBODY = ("", "", "")
"""Key of a patient whom no header names."""


@dataclass(slots=True)
class _Examination:
    """The images of one patient under one study UID."""

    patient: tuple[str, str, str]
    uid: str
    made: bool
    images: list[Header] = field(default_factory=list)

    @property
    def date(self) -> date | None:
        dates = [parsed for parsed in (parse_date(h.study_date) for h in self.images) if parsed]
        return min(dates, default=None)

    @property
    def modalities(self) -> set[str]:
        return {header.modality for header in self.images}

    def described(self, letter: str) -> str:
        """Return the examination in words that name nobody."""
        when = self.date.isoformat() if self.date else "no date"
        kinds = "/".join(sorted(self.modalities))
        return f"patient {letter}, {when}, {len(self.images)} {kinds} files"


def parse_date(text: str) -> date | None:
    """Return a DICOM date, also in its old form with points; ``None`` where it is none.

    Examples
    --------
    >>> parse_date("20030728"), parse_date("2003.07.28"), parse_date("0000")
    (datetime.date(2003, 7, 28), datetime.date(2003, 7, 28), None)
    """
    digits = text.replace(".", "").replace("-", "")[:8]
    if len(digits) != 8 or not digits.isdigit():
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None


def pick_study(kept: Kept, others: Sequence[Header], settings: Settings, where: str) -> Study:
    """Return the one examination among what was found.

    Images of one patient under two study UIDs are one examination where their date is the
    same; CT and ultrasound of one patient are one whatever their dates. Files that do not say whose they are
    (volumes, pictures) join where `settings.same_patient` says so. All else is refused unless
    `settings.study_uid` picks. Objects without pixels (reports, presentation states) never
    refuse an input: those of another study are left.

    Raises
    ------
    MixedStudiesError, UsageError, NoImageError
        See `open_study`.
    """
    if not kept.images:
        return pick_nameless(kept, settings, where)
    examinations = _sort_examinations(kept.images)
    nameless: list[VolumeFile | StillFile] = [*kept.volumes, *kept.stills]
    beside: list[VolumeFile | StillFile] = [v for v in kept.volumes if v.source.asked]
    beside += kept.stills
    chosen = _choose(examinations, beside, settings, where)
    joined = beside if settings.study_uid is None else []
    alone = "a file without identity beside DICOM images; give it alone"
    left = [SeriesLeft(file.uid, f"{file.source.name}: {alone}") for file in nameless if file not in joined]
    left += [
        SeriesLeft(e.uid, "another examination; --study picked one") for e in examinations if e not in chosen
    ]
    primary = max(chosen, key=lambda e: (sum(h.modality == "CT" for h in e.images), len(e.images), e.uid))
    for header in others:
        kind = header.modality or "DICOM object"
        own = header.study_uid == primary.uid
        left.append(SeriesLeft(header.series_uid, f"{kind} without pixels to read"
                               + ("" if own else ", of another study")))  # fmt: skip
    series = [s for examination in chosen for s in _series(examination)]
    series += [file.as_series(primary.uid) for file in joined]
    return Study(
        uid=primary.uid,
        date=primary.date,
        identity=_identity(_named(primary, chosen).images),
        series=tuple(series),
        dates_removed=any(header.dates_removed for header in primary.images),
        left=tuple(dict.fromkeys(left)),
        warnings=tuple(_warnings(chosen, joined)),
    )


def _series(examination: _Examination) -> tuple[Series, ...]:
    ultrasound = [header for header in examination.images if header.modality == "US"]
    others = [header for header in examination.images if header.modality != "US"]
    return (
        *group_series(others, examination.uid),
        *group_ultrasound(ultrasound, examination.uid),
    )


def _warnings(chosen: Sequence[_Examination], joined: Sequence[VolumeFile | StillFile]) -> list[str]:
    warnings = []
    if any(examination.made for examination in chosen):
        warnings.append("The study had no UID; one was made from its patient, date and description")
    if len(chosen) > 1:
        uids = ", ".join(sorted(examination.uid for examination in chosen))
        warnings.append(f"{len(chosen)} study UIDs of one patient were read as one examination: {uids}")
    days = sorted({e.date for e in chosen if e.date is not None})
    if len(days) > 1:
        warnings.append(
            f"CT and ultrasound lie {(days[-1] - days[0]).days} days apart ({days[0]}, {days[-1]}); "
            "what they disagree on may have changed in between"
        )
    if joined:
        warnings.append(
            f"{len(joined)} files that do not say whose they are were read with the others, as "
            "--same-patient says"
        )
    return warnings


def _named(primary: _Examination, chosen: Sequence[_Examination]) -> _Examination:
    """Return the examination that says who the patient is: the primary one where it does."""
    return min(chosen, key=lambda e: (e.patient == NOBODY, e is not primary))


def _identity(images: Sequence[Header]) -> Identity:
    """Return what most headers say of the patient."""
    return Counter(header.identity for header in images).most_common(1)[0][0]


def _patient_key(header: Header) -> tuple[str, str, str]:
    identity = header.identity
    if identity.patient_id:
        return (identity.patient_id.casefold(), "", "")
    return ("", identity.patient_name.casefold().strip("^ "), identity.birth_date)


def _sort_examinations(images: Sequence[Header]) -> list[_Examination]:
    found: dict[tuple[object, ...], _Examination] = {}
    for header in images:
        patient = _patient_key(header)
        uid = header.study_uid or make_uid(
            "study", *patient, header.study_date, header.study_description, header.study_id
        )
        examination = found.setdefault((patient, uid), _Examination(patient, uid, made=not header.study_uid))
        examination.images.append(header)
    return sorted(found.values(), key=lambda e: (e.date or date.max, e.uid, e.patient))


def _choose(
    examinations: Sequence[_Examination],
    beside: Sequence[VolumeFile | StillFile],
    settings: Settings,
    where: str,
) -> list[_Examination]:
    """Return the examinations that are read as one, or refuse."""
    listed = _list(examinations, beside)
    if settings.study_uid is not None:
        chosen = [e for e in examinations if e.uid == settings.study_uid]
        if not chosen:
            raise UsageError(f"{where}: no study {settings.study_uid} in it; there are: {listed}")
        if len({e.patient for e in chosen}) > 1:
            raise MixedStudiesError(
                f"{where}: one study UID with two patients ({listed}); give one patient's files"
            )
        return chosen
    patients = {e.patient for e in examinations}
    may_be_one = _may_be_one(examinations)
    if len(patients) > 1 and not (settings.same_patient and may_be_one):
        hint = ", add --same-patient if they are one" if may_be_one else ""
        pick = ", or pick with --study UID" if _told_by_uid(examinations) else ""
        raise MixedStudiesError(f"{where}: {len(patients)} patients ({listed}); give one{hint}{pick}")
    if beside and not settings.same_patient:
        raise MixedStudiesError(
            f"{where}: files of which not all say whose they are ({listed}); give one, "
            "add --same-patient if they are of one patient, or pick with --study UID"
        )
    has_ct = any("CT" in e.modalities for e in examinations)
    if has_ct and any(isinstance(file, VolumeFile) for file in beside):
        raise MixedStudiesError(
            f"{where}: a volume without identity beside a DICOM CT ({listed}); give one, "
            "or pick with --study UID"
        )
    if len(examinations) > 1 and NOBODY in {e.patient for e in examinations} and not settings.same_patient:
        raise MixedStudiesError(
            f"{where}: {len(examinations)} examinations that do not say whose they are ({listed}); give one, "
            "add --same-patient if they are of one patient, or pick with --study UID"
        )
    _refuse_two_dates(examinations, settings, where, listed)
    return list(examinations)


def _may_be_one(examinations: Sequence[_Examination]) -> bool:
    """Return whether nothing that the headers say of their patient contradicts their being one.

    Two patient IDs that differ do; names and birth dates do where an ID is missing.
    """
    said = [_identity(examination.images) for examination in examinations]
    for n, one in enumerate(said):
        for other in said[n + 1 :]:
            if one.patient_id and other.patient_id:
                if one.patient_id.casefold() != other.patient_id.casefold():
                    return False
                continue
            names = {i.patient_name.casefold().strip("^ ") for i in (one, other)} - {""}
            births = {i.birth_date for i in (one, other)} - {""}
            if len(names) > 1 or len(births) > 1:
                return False
    return True


def _told_by_uid(examinations: Sequence[_Examination]) -> bool:
    """Return whether the study UID tells the examinations apart."""
    return len({e.uid for e in examinations}) == len(examinations)


def _list(examinations: Sequence[_Examination], beside: Sequence[VolumeFile | StillFile]) -> str:
    """Return what there is to pick from, in words that name nobody."""
    letters: dict[tuple[str, str, str], str] = defaultdict(lambda: chr(ord("A") + min(len(letters), 25)))
    lines = [
        examination.described(letters[examination.patient])
        + (f", --study {examination.uid}" if _told_by_uid(examinations) else "")
        for examination in examinations
    ]
    lines += [f"{file.source.name}, which says nothing of its patient" for file in beside]
    more = f"; and {len(lines) - MAX_LISTED} more" if len(lines) > MAX_LISTED else ""
    return "; ".join(lines[:MAX_LISTED]) + more


def _refuse_two_dates(
    examinations: Sequence[_Examination], settings: Settings, where: str, listed: str
) -> None:
    """Refuse two examinations of one modality on two days; CT and ultrasound may lie days apart."""
    ultrasound = [e for e in examinations if e.modalities == {"US"}]
    for alike in (ultrasound, [e for e in examinations if e not in ultrasound]):
        dates = {e.date for e in alike}
        if settings.same_patient:
            dates -= {None}
        if len(alike) > 1 and (len(dates) > 1 or None in dates):
            raise MixedStudiesError(
                f"{where}: {len(alike)} examinations ({listed}); give one, or pick with --study UID"
            )
