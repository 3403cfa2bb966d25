"""What was read of ultrasound, as the document says it: images, liver, foci."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hepalith.calcification import Foci, Focus
from hepalith.calcification.echo import Observation, Shadow
from hepalith.calcification.track.look import Look
from hepalith.finding.article_picture import ArticlePicture
from hepalith.finding.description import Description
from hepalith.finding.together import Disagreement
from hepalith.image.beam import Sector
from hepalith.image.picture import Picture
from hepalith.reading.document import (
    DetectabilityEntry,
    FocusEntry,
    ImageEntry,
    InputEntry,
    LiverEntry,
    LiverQuality,
    LocationEntry,
    MorphologyEntry,
    PhaseEntry,
    Unassessed,
)
from hepalith.reading.examination import UltrasoundImage, UltrasoundRead
from hepalith.reading.focus_entries import duct_entry, host_entry, measured
from hepalith.reading.identity import tracking_uid
from hepalith.reading.sonogram_document import (
    SOME_LIVER,
    ArticlePictureEntry,
    ArticlePointEntry,
    DisagreementEntry,
    LimitEntry,
    ObservationEntry,
    RegionEntry,
    SectorEntry,
    ShadowEntry,
    SonographyEntry,
)
from hepalith.vocabulary import NotAssessable

__all__ = [
    "article_entry",
    "detectability_of_sonogram",
    "disagreement_entry",
    "focus_entries_of",
    "image_entries_of",
    "input_entries_of",
    "limit_entries",
    "liver_of_sonogram",
]

NO_HU = "ultrasound has no Hounsfield units"
"""Why a focus on ultrasound has no density, and so no integrated excess, mass or score."""

ONE_PLANE = "one plane shows no volume"
"""Why neither the liver nor a focus on ultrasound has a volume."""

NO_PLACE = "an ultrasound picture does not say where in the liver it lies"
"""Why lobe, segment and distance from the capsule are not given."""

UNMEASURED = "it was not measured"
"""Why nothing is said of the shadow behind a focus."""

NO_PICTURE = "no B-mode picture was found"
"""Why an ultrasound file answers nothing."""

NO_LIVER = "no liver was recognised in any ultrasound picture"
"""Why an examination answers nothing, though it holds pictures."""


def image_entries_of(
    read: UltrasoundRead, named: Callable[[str], str], *, study_uid: str, primary: bool
) -> tuple[ImageEntry, ...]:
    """Return what the reading says of every ultrasound image, the primary one first.

    Parameters
    ----------
    named
        Gives the UID that stands for one; a pseudonym where the reading is de-identified.
    primary
        Whether ultrasound alone was read: then one of them is the image that the maps lie on.
    """
    looks: dict[str, list[Look]] = {}
    for look in read.sighted.looks:
        looks.setdefault(look.image, []).append(look)
    main = read.primary.id if primary else ""
    ordered = sorted(read.images, key=lambda image: image.id != main)
    return tuple(
        _image_entry(image, looks.get(image.id, []), named, study_uid, is_primary=image.id == main)
        for image in ordered
    )


def _image_entry(
    image: UltrasoundImage,
    looks: Iterable[Look],
    named: Callable[[str], str],
    study_uid: str,
    *,
    is_primary: bool,
) -> ImageEntry:
    cine, made = image.cine, image.cine.sonography
    said = [*image.series.warnings, *cine.warnings, *(w for p in image.pictures for w in p.warnings)]
    sizes = [look.echoes.smallest_focus for look in looks]
    known = [size for size in sizes if not isinstance(size, NotAssessable)]
    smallest = max(known, key=lambda size: size.value) if known else next(iter(sizes), None)
    share: dict[int, float] = {}
    for look in looks:
        region = look.picture.region
        share[region] = max(share.get(region, 0.0), look.sonogram.in_view)
    return ImageEntry(
        id=image.id,
        modality="US",
        study_uid=named(image.series.study_uid or study_uid),
        series_uid=named(image.series.uid),
        frame_of_reference_uid=named(image.series.frame_of_reference_uid),
        role="primary" if is_primary else "other",
        phase=PhaseEntry(label="unknown", probability=1.0),
        shape=image.shape,
        spacing_mm=cine.mm_per_px or (),
        scanner=made.scanner or None,
        regions=(*(region_entry(p, share.get(p.region)) for p in image.pictures), *_said_regions(image)),
        frame_time_ms=cine.frame_time_ms,
        sonography=SonographyEntry(
            frequency_mhz=made.frequency_mhz,
            depth_mm=made.depth_mm,
            focus_mm=made.focus_mm,
            compounding=made.compounding,
            harmonics=made.harmonics,
            transducer=made.transducer,
        ),
        smallest_focus=None if smallest is None else measured(smallest),
        warnings=tuple(dict.fromkeys(said)) if image.pictures else (*dict.fromkeys(said), NO_PICTURE),
    )


def region_entry(picture: Picture, liver_share: float | None) -> RegionEntry:
    """Return one picture that was read, with its outline."""
    sector, scale = picture.grid.sector, picture.mm_per_px
    return RegionEntry(
        kind="b_mode",
        box_px=sector.box_px,
        index=picture.region,
        mm_per_px=None if scale is None else (scale, scale),
        sector=sector_entry(sector),
        view=picture.view,
        liver_share=liver_share,
    )


def sector_entry(sector: Sector) -> SectorEntry:
    """Return a picture's outline."""
    return SectorEntry(
        shape=sector.shape,
        apex_px=sector.apex_px,
        near_px=sector.near_px,
        far_px=sector.far_px,
        from_angle=sector.from_angle,
        to_angle=sector.to_angle,
        confidence=sector.confidence,
    )


def _said_regions(image: UltrasoundImage) -> tuple[RegionEntry, ...]:
    """Return what the header says lies elsewhere on the screen: traces, colour, M-mode."""
    return tuple(
        RegionEntry(kind=region.kind, box_px=region.box_px, mm_per_px=region.mm_per_px)
        for region in image.cine.regions
        if region.kind != "b_mode"
    )


def liver_of_sonogram(read: UltrasoundRead) -> LiverEntry:
    """Return what the reading says of the liver: of a plane, the share of the picture that is liver."""
    looks = read.sighted.looks
    best = max(looks, key=lambda look: look.sonogram.in_view, default=None)
    unmeasured = Unassessed(not_assessable=ONE_PLANE)
    if best is None or best.sonogram.in_view < SOME_LIVER:
        why = NO_LIVER if any(image.pictures for image in read.images) else NO_PICTURE
        reasons = best.sonogram.quality_reasons if best is not None else ()
        quality = LiverQuality(
            score=0.0, reasons=(why, *(r for r in reasons if not r.startswith("no liver")))
        )
        return LiverEntry(source="builtin", volume=unmeasured, in_view=0.0, quality=quality)
    reasons = tuple(dict.fromkeys(r for look in looks for r in look.sonogram.quality_reasons))
    return LiverEntry(
        source="builtin",
        volume=unmeasured,
        in_view=best.sonogram.in_view,
        quality=LiverQuality(score=best.sonogram.quality, reasons=reasons),
    )


def detectability_of_sonogram(foci: Foci) -> DetectabilityEntry:
    """Return the smallest focus that the pictures could have shown; there is no excess in HU."""
    seen = foci.detectability
    return DetectabilityEntry(smallest_focus=measured(seen.smallest_focus), at_excess_hu=0.0, why=seen.why)


def focus_entries_of(read: UltrasoundRead) -> tuple[FocusEntry, ...]:
    """Return every focus that ultrasound showed."""
    digests = {image.id: image.cine.sha256 for image in read.images}
    return tuple(_focus_entry(focus, read, digests) for focus in read.sighted.foci.foci)


def _focus_entry(focus: Focus, read: UltrasoundRead, digests: dict[str, str]) -> FocusEntry:
    first = focus.observations[0]
    no_hu, no_volume = Unassessed(not_assessable=NO_HU), Unassessed(not_assessable=ONE_PLANE)
    unplaced = Unassessed(not_assessable=NO_PLACE)
    place = (*first.centroid_px, float(1000 * first.frame + first.region))
    return FocusEntry(
        id=focus.id,
        tracking_uid=tracking_uid(digests[first.image], place),
        label=focus.label,
        probability=focus.probability,
        reason=focus.reason,
        centroid_lps_mm=None,
        volume=no_volume,
        volume_limited_by_resolution=False,
        diameter=measured(focus.diameter),
        background_hu=no_hu,
        mean_hu=no_hu,
        peak_hu=no_hu,
        integrated_excess=no_hu,
        mass=no_hu,
        score_agatston_convention=no_hu,
        location=LocationEntry(lobe=None, capsule_distance=unplaced),
        morphology=MorphologyEntry(
            label=focus.morphology, probabilities=dict(sorted(focus.morphology_probabilities.items()))
        ),
        duct=duct_entry(read.seen.ducts.get(focus.id)),
        host=host_entry(None if read.seen.hosts is None else read.seen.hosts.of_focus.get(focus.id)),
        shadow=shadow_entry(focus.shadow),
        observations=tuple(observation_entry(o) for o in focus.observations),
        modality="US",
        moves=read.sighted.motion.get(focus.id),
    )


def shadow_entry(shadow: Shadow | None) -> ShadowEntry:
    """Return what lies behind a focus along the beam."""
    if shadow is None:
        unseen = Unassessed(not_assessable=UNMEASURED)
        return ShadowEntry(grade="not_assessable", index=unseen, reason=UNMEASURED)
    return ShadowEntry(
        grade=shadow.grade,
        index=measured(shadow.index),
        probabilities=dict(sorted(shadow.probabilities.items())),
        expected=shadow.expected,
        reason=shadow.reason or None,
    )


def observation_entry(seen: Observation) -> ObservationEntry:
    """Return where a focus stands in one picture."""
    return ObservationEntry(
        image=seen.image,
        frame=seen.frame,
        region=seen.region,
        bbox_px=seen.bbox_px,
        centroid_px=seen.centroid_px,
        depth_mm=seen.depth_mm,
    )


def input_entries_of(
    read: UltrasoundRead, named: Callable[[str], str], *, hidden: bool
) -> tuple[InputEntry, ...]:
    """Return every file of ultrasound by its UID, or by its name where it has none, with its digest."""
    entries = []
    for number, image in enumerate(read.images, start=1):
        cine = image.cine
        if cine.sop_instance_uid:
            entries.append(InputEntry(uid=named(cine.sop_instance_uid), sha256=cine.sha256))
        else:
            name = f"ultrasound_{number}" if hidden else cine.name
            entries.append(InputEntry(file=name or f"ultrasound_{number}", sha256=cine.sha256))
    return tuple(entries)


def limit_entries(seen: Description) -> tuple[LimitEntry, ...]:
    """Return what this examination cannot tell, of what matters for the answer."""
    return tuple(LimitEntry(id=limit.id, text=limit.en, text_zh=limit.zh) for limit in seen.limits)


def article_entry(picture: ArticlePicture) -> ArticlePictureEntry:
    """Return one of the article's pictures, point by point."""
    return ArticlePictureEntry(
        id=picture.id,
        diagnosis=picture.diagnosis,
        title=picture.title["en"],
        title_zh=picture.title["zh"],
        points=tuple(
            ArticlePointEntry(
                id=point.id,
                claims=point.claims,
                text=point.text["en"],
                text_zh=point.text["zh"],
                state=point.state.value,
                probability=point.probability,
                reason=point.reason["en"],
                reason_zh=point.reason["zh"],
            )
            for point in picture.points
        ),
        fit=picture.fit,
    )


def disagreement_entry(clash: Disagreement) -> DisagreementEntry:
    """Return what CT and ultrasound say differently."""
    return DisagreementEntry(
        finding=clash.finding,
        ct=clash.ct["en"],
        ct_zh=clash.ct["zh"],
        us=clash.us["en"],
        us_zh=clash.us["zh"],
        heard=clash.heard or None,
        text=clash.en,
        text_zh=clash.zh,
    )
