"""Policies: the product's two, a hospital's own, and the one clear line for a file that cannot be used."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from hepalith.differential import Diagnosis, Differential, load_knowledge
from hepalith.errors import PolicyFileError, UsageError
from hepalith.management import Plan, advise, list_policies, load_policy
from hepalith.management.condition import Condition, check_condition
from hepalith.management.facts import FACTS
from hepalith.management.policy import load_alerts, load_conflicts
from hepalith.settings import Settings
from hepalith.study.patient import Patient
from hepalith.vocabulary import load_vocabulary

DAY = date(2026, 1, 31)
PAGE = Path(__file__).resolve().parents[2] / "docs/explanation/the-plan.md"

HEAD = 'id = "ours"\nversion = "1"\nen = "Our clinic"\nextends = "guideline"\n'
RULE = """
[[rule]]
id = "ours_simple"
action = "one_check"
when = { fact = "probable_simple" }
after_months = [12, 12]
strength = "local"
grade = "C"
source = "our clinic, 2026"
en = "One ultrasound after a year."
"""

REPEAT = "repeat = {{ every_months = {}, until_months = 12 }}\n"


def ranked(**shares: float) -> Differential:
    """Return a differential with these probabilities, and nothing for the rest."""
    order = sorted(load_knowledge().entries, key=lambda e: -shares.get(e.id, 0.0))
    return Differential(
        tuple(Diagnosis(e.id, shares.get(e.id, 0.0), 0.0, 1.0, shares.get(e.id, 0.0)) for e in order)
    )


def plan(policy: str, differential: Differential, **patient: Any) -> Plan:
    return advise(differential, (), None, Patient(**patient), Settings(policy=policy), DAY)


def ids(made: Plan) -> list[str]:
    return [action.rule for action in made.actions]


# --- the product's two


def test_the_articles_follow_up_is_a_dated_list_with_a_stop() -> None:
    (action,) = plan("article", ranked(simple_healed=0.9)).actions
    assert [v.after_months for v in action.visits] == [
        (3, 6),
        (9, 12),
        (15, 18),
        (21, 24),
        (27, 30),
        (33, 36),
    ]
    assert action.visits[0].due == (date(2026, 4, 30), date(2026, 7, 31))
    assert action.due == action.visits[0].due
    assert (action.may_stop, action.stop) == (date(2028, 1, 31), date(2029, 1, 31))
    assert all(v.due is not None and v.due[1] <= date(2029, 1, 31) for v in action.visits)


def test_the_guideline_stands_beside_the_article_where_they_differ() -> None:
    made = plan("article", ranked(simple_healed=0.9))
    assert [a.rule for a in made.beside] == ["probable_simple"]
    assert made.beside_policy == "guideline"
    stones = plan("article", ranked(hepatolithiasis=0.9))
    assert "article_stones" in ids(stones)
    assert [a.rule for a in stones.beside] == ["stones_silent"]


def test_nothing_stands_beside_where_they_agree_or_the_guideline_is_chosen() -> None:
    assert plan("guideline", ranked(simple_healed=0.9)).beside == ()
    aneurysm = plan("article", ranked(hepatic_artery_aneurysm=0.9))
    assert (aneurysm.beside, aneurysm.beside_policy) == ((), "")


def test_the_article_treats_stones_with_cholestasis_and_resects_in_the_same_operation() -> None:
    made = plan("article", ranked(hepatolithiasis=0.9), symptoms={"jaundice": True, "fever": False})
    (resect,) = [a for a in made.actions if a.action == "resect_with_stones"]
    assert "same operation" in resect.text["en"]
    assert "S146" in resect.source
    assert "observe_duct_stones" not in {a.action for a in (*made.actions, *made.beside)}
    quiet = plan("article", ranked(hepatolithiasis=0.9))
    assert "resect_with_stones" not in {a.action for a in quiet.actions}


def test_the_article_asks_for_ct_where_ultrasound_cannot_decide_or_a_deposit_is_suspected() -> None:
    unclear = plan("article", ranked(simple_healed=0.3, icc=0.05, haemangioma=0.3))
    assert "article_ct_undecided" in ids(unclear)
    deposit = plan("article", ranked(metastasis_crc=0.6, simple_healed=0.4))
    assert "article_ct_metastasis" in ids(deposit)
    assert not {"article_ct_undecided", "article_ct_metastasis"} & set(
        ids(plan("article", ranked(simple_healed=0.9)))
    )


def test_the_search_for_a_primary_keeps_the_articles_order() -> None:
    order = ["colon", "breast", "stomach", "thyroid", "ovary", "lung", "leiomyosarcoma", "neuroendocrine"]
    order += ["osteosarcoma", "melanoma"]
    for rule in load_policy("article").rules:
        if rule.id in ("metastasis", "metastasis_other"):
            places = [rule.en.index(word) for word in order]
            assert places == sorted(places), rule.id


def test_a_known_primary_is_not_searched_for() -> None:
    made = plan("guideline", ranked(metastasis_crc=0.9), history={"known_primary": "colorectal"})
    assert "search_primary" not in {a.action for a in made.actions}
    assert "metastasis_of_known" in ids(made)


def test_a_watched_focus_is_not_watched_again() -> None:
    made = plan("article", ranked(simple_healed=0.9), findings={"unchanged_two_years": True})
    assert ids(made) == ["article_simple_watched"]


# --- every clause


@pytest.mark.parametrize("policy", list_policies())
def test_every_clause_has_grade_source_and_both_languages(policy: str) -> None:
    for rule in load_policy(policy).rules:
        assert re.search(r"[\u4e00-\u9fff]", rule.zh), rule.id
        assert rule.citation.endswith(f"({rule.grade})")
        assert rule.strength.startswith(("guideline", "consensus", "measured", "judgement", "article"))
        if rule.strength == "judgement":
            assert rule.grade in "BCK", f"{rule.id}: judgement is not measured"
        if rule.strength in ("guideline", "measured"):
            assert rule.grade in "AB", rule.id
            assert re.search(r"DOI|PMID|PMC|NBK|978|\d{4}", rule.source), f"{rule.id} cites nothing"


def test_no_clause_names_an_unknown_id() -> None:
    for name in list_policies():
        for rule in load_policy(name).rules:
            check_condition(rule.id, rule.when)
            assert load_vocabulary()[rule.action].group == "action"
    for alert in load_alerts():
        check_condition(alert.id, alert.when)
        assert load_vocabulary()[alert.id].group == "alert"
    assert {t.id for t in load_vocabulary().of_group("alert")} == {a.id for a in load_alerts()}


def test_every_fact_and_every_action_is_used() -> None:
    conditions = [r.when for p in list_policies() for r in load_policy(p).rules]
    conditions += [a.when for a in load_alerts()]
    parts = [part for c in conditions for part in c.flat()]
    used = {part.fact for part in parts} | {part.not_fact for part in parts}
    assert set(FACTS) - used <= {"enhanced_only", "ce_stage_open"}, "asked by the tests alone"
    actions = {r.action for p in list_policies() for r in load_policy(p).rules}
    assert {t.id for t in load_vocabulary().of_group("action")} == actions


def test_every_contradiction_can_arise() -> None:
    actions = {r.action for p in list_policies() for r in load_policy(p).rules}
    for conflict in load_conflicts():
        assert {*conflict.drops, *conflict.beside} <= actions, conflict.id
        assert not set(conflict.drops) & set(conflict.beside), conflict.id


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({}, "empty condition"),
        ({"present": ["feverr"]}, "names 'feverr', which is no finding; did you mean 'fever'?"),
        ({"leading": ["hc"]}, "which is no diagnosis"),
        ({"alert": "fever"}, "which is no alert"),
        ({"fact": "fetuss"}, "no fact; did you mean 'fetus'"),
        (
            {"share": {"of": ["metastases"], "at_least": 0.1}},
            "neither a diagnosis nor a family; did you mean",
        ),
        ({"choice": {"host_kind": ["solide"]}}, "did you mean 'solid'"),
        ({"at_least": {"fever": 39}}, "compares 'fever' with a number, and it has none"),
        ({"any_of": [{"all_of": [{"present": ["nonsense_here"]}]}]}, "nonsense_here"),
    ],
)
def test_a_condition_that_names_what_is_not_there_is_refused(condition: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        check_condition("a rule", Condition.model_validate(condition))


# --- a hospital's own


def own(tmp_path: Path, text: str) -> str:
    path = tmp_path / "ours.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_hospitals_file_replaces_and_adds(tmp_path: Path) -> None:
    path = own(tmp_path, HEAD + 'replaces = ["probable_simple"]\n' + RULE)
    made = plan(path, ranked(simple_healed=0.9))
    assert ids(made) == ["ours_simple"]
    assert (made.policy, made.policy_version) == ("ours", "1")
    assert made.actions[0].text["zh"] == made.actions[0].text["en"], "Chinese may be left out"
    assert [a.rule for a in made.beside] == ["probable_simple"]
    assert made.policy_digest != load_policy("guideline").digest


def test_the_example_on_the_page_is_a_policy_that_loads(tmp_path: Path) -> None:
    (example,) = re.findall(
        r"^```toml\n(.+?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    policy = load_policy(own(tmp_path, example))
    extended = {r.id for r in load_policy("article").rules}
    assert {r.id for r in policy.rules} - extended, "it adds a rule"
    made = plan(own(tmp_path, example), ranked(simple_healed=0.9))
    assert made.actions[0].rule in {r.id for r in policy.rules} - extended


def test_no_file_can_take_the_red_flags_away(tmp_path: Path) -> None:
    every = "replaces = [" + ", ".join(f'"{r.id}"' for r in load_policy("guideline").rules) + "]\n"
    path = own(tmp_path, HEAD + every)
    made = plan(path, ranked(simple_healed=0.9), symptoms={"fever": True, "jaundice": True})
    assert "alert_cholangitis" in {a.id for a in made.alerts}
    assert ids(made) == ["unclear"], "a plan always says something"


OURS = "rule 'ours_simple': "

BAD = [
    (HEAD.replace('extends = "guideline"\n', "") + RULE, "extends is missing: name the policy"),
    (
        HEAD.replace("guideline", "guidline") + RULE,
        "no policy 'guidline' to extend; did you mean 'guideline'",
    ),
    (HEAD + 'replaces = ["probabel_simple"]\n' + RULE, "no rule 'probabel_simple'; did you mean 'probable_s"),
    (HEAD.replace('id = "ours"', 'id = "article"') + RULE, "id: 'article' is a policy of the product"),
    (HEAD + RULE + "oops", "not TOML: "),
    (HEAD + "rule = 3\n", "rule: "),
    (HEAD + "rule = [3]\n", "rule number 1: "),
    ("", "id: it is missing"),
    (HEAD + RULE.replace('id = "ours_simple"\n', ""), "rule number 1: id: it is missing"),
    (HEAD + RULE.replace("ours_simple", "caroli"), "rule 'caroli': there is a rule of this id already"),
    (HEAD + RULE + RULE, OURS + "there is a rule of this id already; list it under replaces"),
    (HEAD + RULE + REPEAT.format("[6, 3]"), OURS + "repeat: every_months runs from the shorter"),
    (HEAD + RULE + REPEAT.format("[0, 0]"), OURS + "repeat: every_months"),
    *(
        (HEAD + RULE.replace(old, new), OURS + message)
        for old, new, message in (
            ("after_months", "afer_months", "afer_months: there is no such key; did you mean 'after_months'"),
            ("[12, 12]", "[12, 6]", "after_months runs from the earlier"),
            ("[12, 12]", "[-1, 6]", "after_months runs from the earlier"),
            ('"one_check"', '"one_chek"', "action: 'one_chek' is none; did you mean 'one_check'"),
            ('fact = "probable_simple"', 'present = ["feverr"]', "when names 'feverr', which is no finding"),
            ('grade = "C"\n', "", "grade: it is missing"),
            ('grade = "C"', 'grade = "D"', "grade: "),
            ('source = "our clinic, 2026"\n', "", "source: it is missing"),
            ("{ fact = ", "{ fakt = ", "when.fakt: there is no such key; did you mean 'fact'"),
            ('{ fact = "probable_simple" }', "{}", "when has an empty condition"),
        )
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=range(len(BAD)))
def test_a_bad_file_is_one_line_with_file_rule_and_what_is_wrong(
    tmp_path: Path, text: str, message: str
) -> None:
    path = own(tmp_path, text)
    with pytest.raises(PolicyFileError) as caught:
        load_policy(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert message in said
    assert "\n" not in said
    assert "Traceback" not in said
    assert caught.value.exit_status == 3


def test_a_missing_or_binary_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(PolicyFileError, match=r"cannot be read: No such file"):
        load_policy(str(tmp_path / "none.toml"))
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(PolicyFileError, match="cannot be read"):
        load_policy(str(tmp_path / "folder.toml"))
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PolicyFileError, match="not UTF-8"):
        load_policy(str(tmp_path / "b.toml"))
    with pytest.raises(UsageError, match=r"or the path of a \.toml file"):
        load_policy("ours")
