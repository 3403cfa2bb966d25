"""A Chinese report leaves no English sentence standing, whatever was read."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from hepalith.anatomy import Liver, Phase
from hepalith.calcification import Foci
from hepalith.differential import diagnose
from hepalith.finding import findings_from_patient
from hepalith.finding.ct import describe
from hepalith.management import advise, list_policies
from hepalith.management.catalogue import load_catalogue
from hepalith.management.policy import load_alerts
from hepalith.reading import Reading
from hepalith.report import render_html, render_patient
from hepalith.settings import Settings
from hepalith.study.patient import Lab, Patient

ENGLISH = re.compile(r"(?:\b[A-Za-z][a-z'-]+,? ){3,}[a-z]+")
"""Four words in a row: a name or a unit is shorter, a sentence is not."""

TOLD = (
    Patient(),
    Patient(age_years=3, labs={"afp": Lab(400, "ng/mL")}),
    Patient(age_years=0.3, labs={"afp": Lab(9000, "ng/mL"), "ca19_9": Lab(40, "arb. unit")}),
    Patient(
        age_years=66,
        history={"cancer_history": True, "known_primary": "colorectal", "cirrhosis": True},
        symptoms={"fever": True, "jaundice": True},
        exposures={"dogs_or_livestock": True},
        labs={"albumin": Lab(3, "%"), "bilirubin": Lab(60, "umol/L")},
        findings={"duct_stricture": True, "gas_in_lesion": True, "host_kind": "solid"},
    ),
    Patient(age_years=40, setting="ce_endemic", findings={"dominant_morphology": "eggshell"}),
)


def read(
    factories: ModuleType, patient: Patient, policy: str, *, liver: Liver, foci: Foci, phase: Phase
) -> Reading:
    """Return the reading as the stages make it of a made-up volume."""
    settings = Settings(policy=policy, language="zh")
    examined = factories.make_examined()
    seen = describe(examined.volume, liver, foci, phase)
    findings = (*seen.findings, *findings_from_patient(patient))
    differential = diagnose(findings, seen.patterns, patient)
    plan = advise(differential, findings, foci, patient, settings, examined.study.date)
    made = factories.make_assessment(
        liver=liver,
        foci=foci,
        phase=phase,
        findings=findings,
        seen=seen,
        differential=differential,
        plan=plan,
    )
    return factories.assemble(examined, made, patient, settings)


def english_in(reading: Reading) -> list[str]:
    """Return the English left in report, text and patient's page, but for what is quoted.

    Left out: citations and other small print, digests and ids, and what the made-up stages say.
    """
    document = reading.document
    page = render_html(reading, language="zh")
    page = re.sub(
        r'<span class="src">.*?</span>|<code>.*?</code>|<svg.*?</svg>|<dd>segmenter.*?</dd>', " ", page
    )
    page = page[page.index("<body>") :].replace("<dd>deidentify", "<dd hidden")
    texts = [re.sub(r"<[^>]+>", "\n", page), document.summary.radiology.zh, document.summary.patient.zh]
    texts.append(re.sub(r"<[^>]+>", "\n", render_patient(reading, language="zh").split("<body>")[1]))
    return [m.group() for text in texts for m in ENGLISH.finditer(html.unescape(text))]


@pytest.fixture(scope="module")
def made(factories: ModuleType) -> dict[str, object]:
    """The nouns of a made-up examination, in the words that the stages really use."""
    foci = factories.make_foci()
    why = (
        "noise 12 HU, in-plane blur 1.6 mm, slices 2.5 mm every 2.5 mm: "
        "a voxel must stand 90 HU above the liver"
    )
    reason = "peak 465 HU, 410 above the liver about it; but mostly outside the liver"
    said = tuple(replace(f, reason=reason) for f in foci.foci)
    liver = replace(
        factories.make_liver(),
        quality_reasons=(
            "parts could be liver or neighbour",
            "13% of the surface borders on tissue of the same density",
            "the scan cuts the liver",
        ),
    )
    return {
        "foci": replace(foci, foci=said, detectability=replace(foci.detectability, why=why)),
        "liver": liver,
    }


@pytest.mark.parametrize("patient", TOLD, ids=range(len(TOLD)))
@pytest.mark.parametrize("scan", ["plain", "enhanced", "part", "none_found", "open", "strung"])
def test_no_english_sentence_is_left_in_a_chinese_report(
    factories: ModuleType, made: dict[str, object], scan: str, patient: Patient
) -> None:
    liver, foci = made["liver"], made["foci"]
    assert isinstance(liver, Liver)
    assert isinstance(foci, Foci)
    phase = Phase("portal", 0.9) if scan == "enhanced" else Phase("none", 0.97)
    if scan == "part":
        liver = replace(liver, in_view=0.4, quality=0.3)
    if scan in {"none_found", "part"}:
        foci = replace(foci, foci=(), labels=np.zeros_like(foci.labels))
    if scan == "open":
        foci = replace(foci, foci=tuple(replace(f, label="undetermined") for f in foci.foci))
    if scan == "strung":
        foci = replace(foci, foci=(replace(foci.foci[0], morphology="eggshell"), *foci.foci[1:]))
    policy = list_policies()[TOLD.index(patient) % len(list_policies())]
    reading = read(factories, patient, policy, liver=liver, foci=foci, phase=phase)
    known = {"Two slices were missing and were filled by their neighbours"}  # the factory's own warning
    assert [t for t in english_in(reading) if not any(t in k for k in known)] == []


def test_a_scan_without_liver_is_all_chinese_too(factories: ModuleType) -> None:
    liver = replace(
        factories.no_liver(), quality_reasons=("no large even organ right of the midline: no liver in view",)
    )
    reading = read(
        factories, Patient(), "guideline", liver=liver, foci=factories.no_foci(), phase=Phase("unknown", 0.0)
    )
    known = {"Two slices were missing and were filled by their neighbours"}
    assert [t for t in english_in(reading) if not any(t in k for k in known)] == []


def test_the_check_itself_can_fail(factories: ModuleType) -> None:
    liver = replace(factories.make_liver(), quality_reasons=("a sentence that no table has ever seen",))
    reading = read(
        factories, Patient(), "guideline", liver=liver, foci=factories.make_foci(), phase=Phase("none", 0.9)
    )
    assert any("no table has ever seen" in text for text in english_in(reading))


def test_rules_carry_both_languages() -> None:
    han = re.compile(r"[\u4e00-\u9fff]")
    for alert in load_alerts():
        assert han.search(alert.zh), alert.id
    for test in load_catalogue().tests:
        assert han.search(test.why.zh), test.id
        assert han.search(test.harm.zh), test.id
