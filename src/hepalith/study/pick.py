"""One patient, one examination: headers sorted to studies, and one study picked or refused."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from hepalith.errors import MixedStudiesError, NoImageError, UsageError
from hepalith.settings import Settings
from hepalith.study.acquisition import Identity, SeriesLeft, Study
from hepalith.study.group import group_series
from hepalith.study.header import Header
from hepalith.study.uid import make_uid
from hepalith.study.volume_file import VolumeFile

__all__ = ["parse_date", "pick_study"]

MAX_LISTED = 8
"""Most examinations named in one error line; the rest are counted."""


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
        return f"patient {letter}, {when}, {len(self.images)} {kinds} files, --study {self.uid}"


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


def pick_study(
    images: Sequence[Header],
    others: Sequence[Header],
    volumes: Sequence[VolumeFile],
    settings: Settings,
    where: str,
) -> Study:
    """Return the one examination among what was found.

    Images of one patient under two study UIDs are one examination where their date is the
    same; ultrasound of the same patient may be of another date. All else is refused unless
    `settings.study_uid` picks. Objects without pixels (reports, presentation states) never
    refuse an input: those of another study are left.

    Raises
    ------
    MixedStudiesError, UsageError, NoImageError
        See `open_study`.
    """
    if not images:
        return _pick_volume(volumes, settings, where)
    examinations = _sort_examinations(images)
    chosen = _choose(examinations, [v for v in volumes if v.source.asked], settings, where)
    beside = "a volume without identity beside DICOM images; give it alone"
    left = [SeriesLeft(volume.uid, f"{volume.source.name}: {beside}") for volume in volumes]
    left += [
        SeriesLeft(e.uid, "another examination; --study picked one") for e in examinations if e not in chosen
    ]
    primary = max(chosen, key=lambda e: (sum(h.modality == "CT" for h in e.images), len(e.images), e.uid))
    for header in others:
        kind = header.modality or "DICOM object"
        own = header.study_uid == primary.uid
        left.append(SeriesLeft(header.series_uid, f"{kind} without pixels to read"
                               + ("" if own else ", of another study")))  # fmt: skip
    warnings = []
    if any(examination.made for examination in chosen):
        warnings.append("The study had no UID; one was made from its patient, date and description")
    if len(chosen) > 1:
        uids = ", ".join(sorted(examination.uid for examination in chosen))
        warnings.append(f"{len(chosen)} study UIDs of one patient were read as one examination: {uids}")
    series = tuple(s for examination in chosen for s in group_series(examination.images, examination.uid))
    return Study(
        uid=primary.uid,
        date=primary.date,
        identity=_identity(primary.images),
        series=series,
        dates_removed=any(header.dates_removed for header in primary.images),
        left=tuple(dict.fromkeys(left)),
        warnings=tuple(warnings),
    )


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
    examinations: Sequence[_Examination], volumes: Sequence[VolumeFile], settings: Settings, where: str
) -> list[_Examination]:
    """Return the examinations that are read as one, or refuse."""
    letters: dict[tuple[str, str, str], str] = defaultdict(lambda: chr(ord("A") + min(len(letters), 25)))
    lines = [examination.described(letters[examination.patient]) for examination in examinations]
    lines += [f"{volume.source.name}, which says nothing of its patient" for volume in volumes]
    listed = "; ".join(lines[:MAX_LISTED]) + (
        f"; and {len(lines) - MAX_LISTED} more" if len(lines) > MAX_LISTED else ""
    )
    if settings.study_uid is not None:
        chosen = [e for e in examinations if e.uid == settings.study_uid]
        if not chosen:
            raise UsageError(f"{where}: no study {settings.study_uid} in it; there are: {listed}")
        if len({e.patient for e in chosen}) > 1:
            raise MixedStudiesError(
                f"{where}: one study UID with two patients ({listed}); give one patient's files"
            )
        return chosen
    if len(lines) == 1:
        return list(examinations)
    patients = len({e.patient for e in examinations})
    if patients > 1 or volumes:
        what = f"{patients} patients" if patients > 1 else "files of which not all say whose they are"
        raise MixedStudiesError(f"{where}: {what} ({listed}); give one, or pick with --study UID")
    ct = [e for e in examinations if e.modalities != {"US"}] or list(examinations)
    dates = {e.date for e in ct}
    nameless = examinations[0].patient == ("", "", "")
    if len(ct) > 1 and (len(dates) > 1 or None in dates or nameless):
        raise MixedStudiesError(
            f"{where}: {len(ct)} examinations ({listed}); give one, or pick with --study UID"
        )
    return list(examinations)


def _pick_volume(volumes: Sequence[VolumeFile], settings: Settings, where: str) -> Study:
    """Return the study of one volume file; label maps beside it in a folder are left."""
    by_uid = {volume.uid: volume for volume in volumes}
    if settings.study_uid is not None:
        if settings.study_uid not in by_uid:
            listed = "; ".join(f"{v.source.name} is {v.uid}" for v in volumes[:MAX_LISTED])
            raise UsageError(f"{where}: no study {settings.study_uid} in it; there are: {listed}")
        wanted = [by_uid[settings.study_uid]]
    else:
        asked = [v for v in volumes if v.source.asked]
        wanted = asked if asked else [v for v in volumes if not v.label_like] or list(volumes)[:1]
    if not wanted:
        raise NoImageError(f"{where}: no image in it; give a CT as DICOM, NIfTI, NRRD or MHA")
    if len({v.uid for v in wanted}) > 1 and settings.same_patient:
        return _join_volumes(wanted)
    if len({v.uid for v in wanted}) > 1:
        listed = "; ".join(f"{v.source.name}, --study {v.uid}" for v in wanted[:MAX_LISTED])
        more = f"; and {len(wanted) - MAX_LISTED} more" if len(wanted) > MAX_LISTED else ""
        raise MixedStudiesError(
            f"{where}: {len(wanted)} volumes that do not say whose they are ({listed}{more}); "
            "give one, add --same-patient if they are phases of one examination, or pick with --study UID"
        )
    (volume,) = wanted[:1]
    left = tuple(
        SeriesLeft(v.uid, f"{v.source.name}: not the volume that was read")
        for v in volumes
        if v is not volume
    )
    study_uid = volume.uid
    return Study(study_uid, None, Identity(), (volume.as_series(study_uid),), left=left)


def _join_volumes(volumes: Sequence[VolumeFile]) -> Study:
    """Return the study of volume files of one examination, as the user says; their names describe them."""
    by_uid = {volume.uid: volume for volume in volumes}
    uid = make_uid("study", *sorted(by_uid))
    series = [v.as_series(uid, v.source.name.partition(".")[0]) for v in by_uid.values()]
    return Study(uid, None, Identity(), tuple(series))
