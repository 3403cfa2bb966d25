"""Facts that rules ask for by name: each a question about one reading, answered from what is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hepalith.differential.diagnose import CHILD_BELOW_YEARS
from hepalith.differential.entry import load_knowledge
from hepalith.management import echinococcosis, incidental, sonogram
from hepalith.management.known import ALERT_FROM, PRESENT_FROM, Known
from hepalith.management.tokyo import assess_cholangitis
from hepalith.vocabulary import Measurement, State

__all__ = ["FACTS"]

UNCLEAR_BELOW = 0.4
"""A leading diagnosis less probable than this explains the picture too poorly to act on. Our judgement."""

SIMPLE_FROM = 0.5
"""Probability from which a leading simple focus is treated as one. Our judgement."""

WHOLE_FROM_PERCENT = 95.0
"""Share in view below which a plan says that part of the liver was not seen: the estimate of the share is
no better than that. Our judgement."""

TRUSTED_FROM_PERCENT = 60.0
"""Trust in the liver's outline below which a person is asked to check it first. Our judgement."""

OLD_FROM_YEARS = 75.0
"""From this age a cholangitis may run without fever (75 is a criterion of TG18's grade II). Our judgement."""

HOSTS = ("solid", "mixed", "infiltrative")
"""Kinds of host that are never called benign from their calcium."""

HARMLESS_HOSTS = ("fluid", "fat")
"""Kinds of host that raise no alarm of a mass by themselves: a cyst, a piece of fat."""

DOUBTED_FROM = 0.33
"""Probability from which a solid, mixed or infiltrating lesion is flagged though a cyst or fat is likelier.

One to two. An unenhanced CT calls the clearest cyst mixed at 0.2, and nobody reads a flag on every cyst. Our
judgement.
"""

LESION_ENHANCEMENT = ("arterial_washout", "arterial", "rim", "delayed", "peripheral_nodular")
"""Patterns of enhancement that only a lesion with tissue has; stated, they state the lesion."""

TISSUE_ENHANCEMENT = ("arterial_washout", "arterial")
"""Patterns of enhancement that neither a cyst nor fat has."""

LESION_SIGNS = ("central_scar", "satellite_lesions", "lesion_necrosis", "enhancing_capsule", "lollipop_sign")
"""Signs that only a lesion can have; stated, they state the lesion."""

TISSUE_SIGNS = ("washout", "arterial_hyperenhancement", "mural_nodule")
"""Signs that neither a simple cyst nor fat has."""

DENIED_FOR_DEFINITE = ("cancer_history", "cirrhosis", "hepatitis_b", "dilated_ducts")
"""What must be known to be absent before a simple focus is definite (review of the red flags, rule 2)."""

RISKS = (
    # cancer, now or before, or a name for it
    *("cancer_history", "tace", "liver_ablation", "chemotherapy", "radiotherapy", "men2", "weight_loss"),
    # a liver in which cancer grows
    *("cirrhosis", "nodular_surface", "hepatitis_b", "hepatitis_c", "primary_sclerosing_cholangitis"),
    # a raised marker
    *("afp_up", "cea_up", "ca19_9_up", "ca125_up", "calcitonin_up", "chromogranin_up", "catecholamines_up"),
    # a changed duct, or one that does not drain
    *("dilated_ducts", "duct_stricture", "hilar_stricture", "duct_wall_thickening", "lobar_atrophy"),
    *("saccular_ducts", "worm_seen", "jaundice", "bilirubin_up"),
    # what a healed focus does not have about it
    *("vein_occlusion", "portal_thrombosis", "capsular_retraction", "satellite_lesions", "enlarged_nodes"),
    *("mass_without_calcium", "gas_in_lesion", "blood_pool_ring", "doppler_flow_in_focus", "adrenal_calcium"),
    *("peritoneal_disease", "lung_nodules", "bone_lesions", "perihepatic_collection"),
    # an infection that may be alive, or a body that cannot heal it
    *("fever", "immunosuppression", "hiv_infection", "leukaemia_or_neutropenia"),
    *("chronic_granulomatous_disease", "hepatoblastoma_syndrome"),
)
"""What, where present, keeps a simple focus from being definite, two years unchanged or not. Rule 2 of the
review names cancer, cirrhosis or hepatitis B, age below five, a raised marker and a changed duct; the rest
are what raises a red flag of its own. Our judgement."""


STONES_FROM = 0.3
"""Share of duct stones from which they are planned for where nothing simple leads. Our judgement."""

STONE_TROUBLES = (
    *("lobar_atrophy", "duct_stricture", "hilar_stricture", "duct_wall_thickening", "common_duct_stones"),
    *("right_upper_quadrant_pain", "abdominal_pain", "jaundice", "fever", "recurrent_cholangitis"),
    *("bilirubin_up", "ca19_9_up", "weight_loss"),
)
"""Atrophy, stricture or symptoms: 13 of the 14 silent stones that became ill had atrophy (Kusano 2001).

A raised ALP alone is frequent and silent.
"""

CHOLESTASIS = ("jaundice", "bilirubin_up", "fever", "recurrent_cholangitis")
"""Cholestasis or suppurative cholangitis, for which alone the article (S138) treats stones."""

CHILD_TUMOURS = ("hepatoblastoma", "metastasis_neuroblastoma")
"""Cancers of the young child's liver."""

CHILD_TUMOUR_SIGNS = ("palpable_mass", "mass_without_calcium", "catecholamines_up")

CHILD_TUMOUR_FROM = 0.1
"""Share of these from which a young child goes to a tumour centre. Our judgement."""

LARGE_FOREGUT_CYST_MM = 40.0
"""From this size a ciliated foregut cyst is excised (4 to 5 cm; general knowledge, K)."""


ANEURYSM_FORMS = ("rim", "eggshell", "curvilinear_septal", "plaque", "linear", "tram_track")
"""Rings and curves of calcium, as the wall of a vessel makes them."""


def is_child_under_five(known: Known) -> bool:
    """Return whether the patient is younger than five."""
    age = known.patient.age_years
    return known.patient.subject == "patient" and age is not None and age < CHILD_BELOW_YEARS


def has_host(known: Known) -> bool:
    """Return whether a solid, mixed or infiltrating lesion is about, however it was stated.

    By its kind; by a sign that only a lesion has; or as a mass whose kind nobody told. What is known
    to be a cyst or fat counts only where it holds tissue.
    """
    harmless = known.choice_probability("host_kind", HARMLESS_HOSTS) >= PRESENT_FROM
    enough = max(known.present_from, DOUBTED_FROM) if harmless else known.present_from
    if known.choice_probability("host_kind", HOSTS) >= enough:
        return True
    if known.chose("enhancement", TISSUE_ENHANCEMENT) or any(known.has(s) for s in TISSUE_SIGNS):
        return True
    if harmless:
        return False
    signs = ("within_mass", "bulls_eye", *LESION_SIGNS)
    if any(known.has(s) for s in signs) or known.chose("enhancement", LESION_ENHANCEMENT):
        return True
    # Who stages a hydatid cyst has seen what it holds.
    staged = known.chose("ce_stage", tuple(echinococcosis.GROUPS))
    return known.measured("host_diameter") is not None and not known.states("host_kind") and not staged


def is_plainly_solid(known: Known) -> bool:
    """Return whether the lesion is stated to be solid: neither a cyst nor what infiltrates."""
    return known.choice_probability("host_kind", ("solid",)) >= PRESENT_FROM


def may_be_aneurysm(known: Known) -> bool:
    """Return whether a ring or curve of calcium fills like an artery, or may bleed like an aneurysm.

    Enhancement like the aorta counts with any form that is not known to be another: a haemangioma's
    speck is not a ring. Bleeding into the bowel counts with a ring whose enhancement nobody tells.
    """
    if known.has("blood_pool_ring") or known.has("doppler_flow_in_focus"):
        return True
    if known.share(("hepatic_artery_aneurysm",)) >= ALERT_FROM:
        return True
    ring = known.chose("dominant_morphology", ANEURYSM_FORMS) or known.has("ring_calcification")
    if ring and known.has("gi_bleeding") and not known.states("enhancement"):
        return True
    return known.chose("enhancement", ("blood_pool",)) and (ring or not known.states("dominant_morphology"))


def has_no_host(known: Known) -> bool:
    """Return whether an adequate look found no lesion around the calcium.

    B-mode ultrasound is none: a lesion as bright as liver does not show on it.
    """
    seen = any(f.value == "none" and f.source != "us" for f in known.of("host_kind"))
    stated = known.patient.knows("host_kind") == "none"
    none = (seen or stated) and known.choice_probability("host_kind", ("none",)) >= PRESENT_FROM
    return none and known.choice_probability("host_kind", HOSTS) < ALERT_FROM and not has_host(known)


def has_risk(known: Known) -> bool:
    """Return whether anything is present that keeps a focus from being called simple for certain."""
    stated = knows_primary(known) or known.states("suspected_primary")
    return stated or is_child_under_five(known) or any(known.probability(r) >= ALERT_FROM for r in RISKS)


STONE_SURE = 0.8
"""Probability from which a report that puts a focus into a duct leaves nothing open. Our judgement."""


def leaves_stone_open(known: Known) -> bool:
    """Return whether a person or a report says that a focus may lie in a duct, and may not."""
    told = any(f.source in ("person", "text") for f in known.of("duct_relation"))
    return told and ALERT_FROM <= known.choice_probability("duct_relation", ("in_lumen",)) < STONE_SURE


def is_simple(known: Known) -> bool:
    """Return whether a simple focus leads clearly, with no lesion around it and no stone left open."""
    leads = known.leads(("simple_healed",)) and known.leading_probability() >= SIMPLE_FROM
    return leads and not has_host(known) and not leaves_stone_open(known)


def is_definite_simple(known: Known) -> bool:
    """Return whether a leading simple focus is definite.

    Either no lesion on an adequate look, and every risk of rule 2 known to be absent; or the same
    foci two years ago. Growth or a risk that is present undoes both.
    """
    changed = known.choice_probability("change_since_prior", ("grown", "new")) >= ALERT_FROM
    if not is_simple(known) or changed or has_risk(known):
        return False
    if known.has("unchanged_two_years"):
        return True
    denied = all(known.rules_out(i) for i in DENIED_FOR_DEFINITE)
    return has_no_host(known) and denied and known.patient.age_years is not None


def is_unclear(known: Known) -> bool:
    """Return whether no explanation is good enough to act on."""
    diagnoses = known.differential.diagnoses
    weak = known.leading_probability() < SIMPLE_FROM or leaves_stone_open(known)
    weak_simple = known.leads(("simple_healed",)) and weak
    poor = known.leading_probability() < UNCLEAR_BELOW or known.leads(("none_of_these",))
    return bool(diagnoses) and (poor or weak_simple)


def has_no_calcification(known: Known) -> bool:
    """Return whether the liver was looked at and holds no calcium."""
    return known.denies("intrahepatic_calcification") and known.patient.subject == "patient"


def leaves_calcification_open(known: Known) -> bool:
    """Return whether nobody could say if the liver holds calcium."""
    found = known.of("intrahepatic_calcification")
    return bool(found) and all(f.state is State.NOT_ASSESSABLE for f in found)


def has_none_in_part(known: Known) -> bool:
    """Return whether what was seen of the liver held no calcification, and not all was seen."""
    nothing = known.foci is not None and not any(
        f.label in {"calcification", "undetermined"} for f in known.foci.foci
    )
    return nothing and leaves_calcification_open(known) and is_partly_in_view(known)


def is_not_assessable(known: Known) -> bool:
    """Return whether nobody could say if the liver holds calcium, and nothing else is to be said of it."""
    said = has_none_in_part(known) or sonogram.finds_none(known) or sonogram.leaves_echo_unnamed(known)
    return leaves_calcification_open(known) and not said


def is_partly_in_view(known: Known) -> bool:
    """Return whether part of the liver lay outside the scan."""
    return _is_below(known, "liver_in_view", WHOLE_FROM_PERCENT)


def _is_below(known: Known, finding_id: str, limit: float) -> bool:
    """Return whether a measured finding lies below a limit; no, where it was not measured."""
    measured = [f.value for f in known.of(finding_id) if isinstance(f.value, Measurement)]
    return any(m.value < limit for m in measured)


def has_enhanced_ct(known: Known) -> bool:
    """Return whether a CT was read that could judge enhancement."""
    return any(
        f.id == "enhancement" and f.source == "ct" and f.state is State.PRESENT for f in known.findings
    )


def is_enhanced_only(known: Known) -> bool:
    """Return whether a CT was read on which density could not be judged for the contrast in it."""
    return known.foci is not None and any(
        f.id == "host_kind" and f.source == "ct" and f.state is State.UNKNOWN for f in known.findings
    )


def may_be_child_tumour(known: Known) -> bool:
    """Return whether a tumour of childhood is to be settled by a paediatric tumour centre."""
    if known.patient.subject == "fetus":
        return False
    if known.leads(CHILD_TUMOURS):
        return True
    signs = has_host(known) or any(known.has(sign) for sign in CHILD_TUMOUR_SIGNS)
    return is_child_under_five(known) and (signs or known.share(CHILD_TUMOURS) >= CHILD_TUMOUR_FROM)


def has_likely_stones(known: Known) -> bool:
    """Return whether stones of the ducts explain the picture, and no simple focus does."""
    names = ("hepatolithiasis",)
    return known.leads(names) or (known.share(names) >= STONES_FROM and not is_simple(known))


def has_troubled_stones(known: Known) -> bool:
    """Return whether anything asks for more than watching duct stones."""
    return any(known.has(t) for t in STONE_TROUBLES)


def knows_primary(known: Known) -> bool:
    """Return whether a primary cancer is known by name."""
    return known.patient.knows("known_primary") is not None


def leads_in_family(known: Known, family: str) -> bool:
    """Return whether a diagnosis of this family is first."""
    leading = known.differential.diagnoses[:1]
    families = {entry.id: entry.family for entry in load_knowledge().entries} if leading else {}
    return any(families.get(d.diagnosis) == family for d in leading)


def is_immunosuppressed(known: Known) -> bool:
    """Return whether the patient's defence is weak."""
    weak = (
        "immunosuppression",
        "hiv_infection",
        "leukaemia_or_neutropenia",
        "chronic_granulomatous_disease",
        "liver_transplant",
    )
    return any(known.has(w) for w in weak)


def may_have_cholangitis(known: Known) -> bool:
    """Return whether cholangitis must be excluded today.

    Fever with known or suspected stones of the ducts, with cholestasis or with a blocked duct,
    jaundice or not. Without fever: one sign each of inflammation, cholestasis and imaging (TG18's
    definite diagnosis), or, where age or a weak defence may hide the fever, two of these.
    """
    found = assess_cholangitis(known)
    age = known.patient.age_years
    hidden = is_immunosuppressed(known) or (age is not None and age >= OLD_FROM_YEARS)
    if known.has("fever") or hidden:
        return found.suspected or (known.has("fever") and known.has("recurrent_cholangitis"))
    return found.definite


def has_attacks_of_cholangitis(known: Known) -> bool:
    """Return whether attacks are told of, the ducts are wide or blocked, and fever now is not denied."""
    told = known.has("recurrent_cholangitis") and not known.denies("fever")
    return told and assess_cholangitis(known).obstructed


def _grade(known: Known) -> int | None:
    return assess_cholangitis(known).grade


FACTS: Mapping[str, Callable[[Known], bool]] = {
    "aneurysm_suspected": may_be_aneurysm,
    "child_tumour_suspected": may_be_child_tumour,
    "child_under_five": is_child_under_five,
    "cholangitis_attacks": has_attacks_of_cholangitis,
    "cholangitis_suspected": may_have_cholangitis,
    "plainly_solid": is_plainly_solid,
    "tokyo_1": lambda known: _grade(known) == 1,
    "tokyo_2": lambda known: _grade(known) == 2,
    "tokyo_3": lambda known: _grade(known) == 3,
    "tokyo_open": lambda known: _grade(known) is None,
    "ce_1_or_3a": lambda known: echinococcosis.stage_group(known) == "univesicular",
    "ce_2_or_3b": lambda known: echinococcosis.stage_group(known) == "multivesicular",
    "ce_4_or_5": lambda known: echinococcosis.stage_group(known) == "inactive",
    "ce_stage_open": lambda known: echinococcosis.stage_group(known) is None,
    "ct_enhanced": has_enhanced_ct,
    "ct_read": sonogram.reads_ct,
    "definite_simple": is_definite_simple,
    "echo_unnamed": sonogram.leaves_echo_unnamed,
    "echo_without_calcium": sonogram.echoes_without_calcium,
    "enhanced_only": is_enhanced_only,
    "fetus": lambda known: known.patient.subject == "fetus",
    "has_cholestasis": lambda known: any(known.has(c) for c in CHOLESTASIS),
    "high_risk": incidental.is_high_risk,
    "host": has_host,
    "host_measures_40": lambda known: (known.measured("host_diameter") or 0.0) >= LARGE_FOREGUT_CYST_MM,
    "immunosuppressed": is_immunosuppressed,
    "known_primary": knows_primary,
    "leading_infection": lambda known: leads_in_family(known, "infection"),
    "leading_liver_cancer": lambda known: leads_in_family(known, "malignant_liver"),
    "leading_metastasis": lambda known: leads_in_family(known, "metastasis"),
    "no_calcification": has_no_calcification,
    "no_host": has_no_host,
    "none_in_part": has_none_in_part,
    "none_on_ultrasound": sonogram.finds_none,
    "not_assessable": is_not_assessable,
    "outline_doubtful": lambda known: _is_below(known, "outline_trust", TRUSTED_FROM_PERCENT),
    "partly_in_view": is_partly_in_view,
    "pregnant": lambda known: known.patient.pregnancy is True,
    "probable_simple": lambda known: is_simple(known) and not is_definite_simple(known),
    "something_to_explain": lambda known: bool(known.differential.diagnoses),
    "stones_likely": has_likely_stones,
    "stones_troubled": has_troubled_stones,
    "ultrasound_read": sonogram.reads_ultrasound,
    "unclear": is_unclear,
}
"""What `Condition.fact` may name."""
