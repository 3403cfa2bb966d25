"""CT and ultrasound of one patient: what is heard, and where they contradict each other."""

from __future__ import annotations

import pytest
from tests.finding.ultrasound.drawn_sonogram import foci_of
from tests.finding.ultrasound.test_describe import simple, stones

from hepalith.differential import diagnose
from hepalith.differential.contradiction import with_disagreements
from hepalith.finding.description import Description
from hepalith.finding.finding import Finding, Pattern, Subject
from hepalith.finding.together import Joined, join, load_modality_rules
from hepalith.finding.ultrasound.describe import describe_ultrasound
from hepalith.study.patient import Patient
from hepalith.vocabulary import Measurement, State, load_vocabulary

STONES = describe_ultrasound([stones().look()], foci_of([stones().look()]), {})
SIMPLE = describe_ultrasound([simple().look()], foci_of([simple().look()]), {})
NOTHING = Description((), ())


def say(name: str, state: str, chance: float | None = None, value: Measurement | str | None = None,
        source: str = "ct") -> Finding:  # fmt: skip
    reason = "a reason" if state == "not_assessable" else None
    subject = Subject(load_vocabulary()[name].subject or "liver")
    return Finding(name, subject, State(state), chance, value, source, reason=reason)


def ct(*findings: Finding, patterns: tuple[Pattern, ...] = ()) -> Description:
    return Description(findings, patterns)


def us(*findings: Finding, patterns: tuple[Pattern, ...] = ()) -> Description:
    return Description(findings, patterns)


def heard(joined: Joined, name: str) -> Finding | None:
    return next((f for f in joined.findings if f.id == name), None)


def test_the_rules_name_every_finding_that_both_can_show() -> None:
    both = {t.id for t in load_vocabulary().of_group("finding") if {"ct", "us"} <= set(t.modalities)}
    named = {name for rule in load_modality_rules().rule for name in rule.findings}
    assert both <= named
    assert all(rule.source and rule.grade for rule in load_modality_rules().rule)


def test_each_finding_is_heard_once_and_told_by_both() -> None:
    one = ct(say("dilated_ducts", "present", 0.9), say("ascites", "absent", 0.03))
    joined = join(one, STONES)
    ids = [f.id for f in joined.findings]
    assert len(ids) == len(set(ids))
    assert sorted(map(repr, joined.all_findings)) == sorted(map(repr, (*one.findings, *STONES.findings)))
    assert {f.source for f in joined.all_findings} == {"ct", "us"}


def test_of_two_findings_of_one_id_the_one_that_is_heard_is_told_first() -> None:
    joined = join(
        ct(say("dilated_ducts", "absent", 0.05)), us(say("dilated_ducts", "present", 0.95, source="us"))
    )
    assert [f.source for f in joined.all_findings] == ["us", "ct"]


def test_none_in_a_part_of_the_liver_is_no_number_of_foci() -> None:
    joined = join(
        ct(
            say("intrahepatic_calcification", "not_assessable"),
            say("focus_count", "present", None, Measurement(0, "1")),
        ),
        STONES,
    )
    chosen = heard(joined, "focus_count")
    assert chosen is not None
    assert chosen.value == Measurement(3.0, "1")
    assert not diagnose(joined.findings, joined.patterns, Patient()).contradictions


@pytest.mark.parametrize("state", ["not_assessable", "unknown"])
def test_what_one_could_not_judge_the_other_may(state: str) -> None:
    joined = join(ct(say("host_kind", state)), us(say("host_kind", "present", 0.7, "fluid", "us")))
    chosen = heard(joined, "host_kind")
    assert chosen is not None
    assert (chosen.source, chosen.value) == ("us", "fluid")
    assert not joined.disagreements
    other = join(ct(say("host_kind", "present", 0.7, "solid")), us(say("host_kind", state, source="us")))
    assert heard(other, "host_kind") == say("host_kind", "present", 0.7, "solid")


def test_where_both_judge_and_agree_the_better_is_heard() -> None:
    calcium = join(
        ct(say("intrahepatic_calcification", "present", 0.97)),
        us(say("intrahepatic_calcification", "present", 0.6, source="us")),
    )
    assert heard(calcium, "intrahepatic_calcification") == say("intrahepatic_calcification", "present", 0.97)
    cysts = join(
        ct(say("daughter_cysts", "present", 0.6)), us(say("daughter_cysts", "present", 0.9, source="us"))
    )
    chosen = heard(cysts, "daughter_cysts")
    assert chosen is not None
    assert chosen.source == "us"


@pytest.mark.parametrize(("on_ct", "on_us", "surer"), [(0.95, 0.6, "ct"), (0.6, 0.95, "us")])
def test_of_what_either_shows_the_surer_is_heard(on_ct: float, on_us: float, surer: str) -> None:
    joined = join(
        ct(say("dilated_ducts", "present", on_ct)), us(say("dilated_ducts", "present", on_us, source="us"))
    )
    chosen = heard(joined, "dilated_ducts")
    assert chosen is not None
    assert chosen.source == surer
    assert not joined.disagreements


def test_numbers_are_compared_and_never_summed() -> None:
    joined = join(
        ct(
            say("intrahepatic_calcification", "present", 0.95),
            say("focus_count", "present", None, Measurement(2, "1")),
        ),
        us(say("focus_count", "present", None, Measurement(3, "1"), "us")),
    )
    chosen = heard(joined, "focus_count")
    assert chosen is not None
    assert chosen.value == Measurement(2, "1")
    (disagreement,) = joined.disagreements
    assert "3 bright foci" in disagreement.en
    assert "3个" in disagreement.zh
    fewer = join(
        ct(
            say("intrahepatic_calcification", "present", 0.95),
            say("focus_count", "present", None, Measurement(5, "1")),
        ),
        us(say("focus_count", "present", None, Measurement(3, "1"), "us")),
    )
    assert not fewer.disagreements  # a few planes show fewer


@pytest.mark.parametrize(("wide", "apart"), [(12.0, True), (6.5, False)])
def test_sizes_disagree_only_beyond_their_intervals_and_a_half(wide: float, apart: bool) -> None:
    joined = join(
        ct(say("largest_calcium", "present", None, Measurement(wide, "mm", wide - 1, wide + 1))),
        us(say("largest_calcium", "present", None, Measurement(5, "mm", 4, 6), "us")),
    )
    assert bool(joined.disagreements) is apart
    chosen = heard(joined, "largest_calcium")
    assert chosen is not None
    assert chosen.source == "ct"


def test_a_contradiction_is_said_with_what_would_settle_it() -> None:
    joined = join(
        ct(say("dilated_ducts", "absent", 0.05)), us(say("dilated_ducts", "present", 0.95, source="us"))
    )
    (disagreement,) = joined.disagreements
    assert disagreement.finding == "dilated_ducts"
    assert disagreement.heard == "us"  # what one of them shows is there
    assert "MRCP" in disagreement.en
    assert "MRCP" in disagreement.zh
    assert "CT says absent" in disagreement.en


def test_doubt_is_no_contradiction() -> None:
    joined = join(
        ct(say("dilated_ducts", "absent", 0.35)), us(say("dilated_ducts", "present", 0.7, source="us"))
    )
    assert not joined.disagreements


def test_ct_is_the_reference_for_calcium() -> None:
    joined = join(ct(say("intrahepatic_calcification", "absent", 0.02)), SIMPLE)
    (disagreement,) = [d for d in joined.disagreements if d.finding == "intrahepatic_calcification"]
    assert disagreement.heard == "ct"
    assert "haemangioma" in disagreement.en
    assert "Doppler" in disagreement.en
    differential = diagnose(joined.findings, joined.patterns, Patient())
    assert not differential.diagnoses
    told = with_disagreements(differential, joined.disagreements)
    assert told.contradictions[0].findings == ("intrahepatic_calcification",)


def test_part_of_the_liver_without_calcium_does_not_contradict_an_echo() -> None:
    joined = join(ct(say("intrahepatic_calcification", "not_assessable")), SIMPLE)
    assert not joined.disagreements
    chosen = heard(joined, "intrahepatic_calcification")
    assert chosen is not None
    assert chosen.source == "us"


def test_neither_is_heard_where_no_rule_prefers_one() -> None:
    joined = join(ct(say("fever", "absent", 0.0)), us(say("fever", "present", 1.0, source="us")))
    assert heard(joined, "fever") is None
    (disagreement,) = joined.disagreements
    assert disagreement.heard == ""
    told = with_disagreements(diagnose((), (), Patient()), joined.disagreements)
    assert told.contradictions[0].dropped == ("fever",)


def test_ct_and_ultrasound_make_one_differential() -> None:
    findings = (
        say("intrahepatic_calcification", "present", 0.97),
        say("focus_count", "present", None, Measurement(3, "1")),
        say("multiple_foci", "present", 0.95),
        say("duct_relation", "not_assessable"),
        say("dilated_ducts", "not_assessable"),
        say("side_of_foci", "present", 0.95, "left"),
    )
    alone = diagnose(findings, (Pattern("scattered", 0.7, (1, 2, 3)),), Patient())
    joined = join(ct(*findings, patterns=(Pattern("scattered", 0.7, (1, 2, 3)),)), STONES)
    both = diagnose(joined.findings, joined.patterns, Patient())
    share = [
        next(d.probability for d in x.diagnoses if d.diagnosis == "hepatolithiasis") for x in (alone, both)
    ]
    assert share[1] > 0.9 > share[0]
    assert sum(d.probability for d in both.diagnoses) == pytest.approx(1.0, abs=1e-6)
    assert not both.contradictions


def test_foci_of_ultrasound_are_not_named_among_those_of_ct() -> None:
    joined = join(
        ct(
            say("focus_count", "present", None, Measurement(1, "1")),
            patterns=(Pattern("solitary", 0.9, (1,)),),
        ),
        STONES,
    )
    assert joined.patterns == (Pattern("solitary", 0.9, (1,)),)
    assert not any(f.foci for f in joined.findings if f.source == "us")
    assert any(f.id == "along_duct" for f in joined.findings)
    assert {p.id for p in joined.all_patterns} == {"solitary", "along_duct"}


def test_either_alone_stays_as_it_is() -> None:
    assert join(NOTHING, STONES).findings == STONES.findings
    assert join(NOTHING, STONES).patterns == STONES.patterns
    one = ct(say("ascites", "absent", 0.03))
    assert join(one, NOTHING).findings == one.findings
