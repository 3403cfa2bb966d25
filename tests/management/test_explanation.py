"""What docs/explanation/the-plan.md says is what the rules say."""

from __future__ import annotations

import re
from pathlib import Path

from hepalith.management import list_policies
from hepalith.management.facts import SIMPLE_FROM, TRUSTED_FROM_PERCENT, UNCLEAR_BELOW, WHOLE_FROM_PERCENT
from hepalith.management.known import ALERT_FROM, PRESENT_FROM
from hepalith.management.policy import load_alerts

PAGE = (Path(__file__).resolve().parents[2] / "docs/explanation/the-plan.md").read_text(encoding="utf-8")


def test_the_page_names_every_policy() -> None:
    assert set(re.findall(r"^\| `(\w+)`(?: \(default\))? \|", PAGE, re.MULTILINE)) >= set(list_policies())


def test_the_page_counts_the_alerts_of_each_urgency_right() -> None:
    for urgency in ("today", "prompt", "routine"):
        row = re.search(rf"^\| `{urgency}` \|.*\| (.+) \|$", PAGE, re.MULTILINE)
        assert row
        named = re.split(r", |; ", row[1])
        assert len(named) == sum(alert.urgency == urgency for alert in load_alerts()), urgency


def test_the_thresholds_on_the_page_are_those_of_the_rules() -> None:
    assert f"present from a probability of {PRESENT_FROM}" in PAGE
    assert f"counts from a probability of {ALERT_FROM}" in PAGE
    assert f"simple focus at {SIMPLE_FROM:.0%}".replace("%", " %") in PAGE
    assert f"below {UNCLEAR_BELOW:.0%}".replace("%", " %") in PAGE
    assert f"less than {WHOLE_FROM_PERCENT:g} % of the liver" in PAGE
    assert f"trust below {TRUSTED_FROM_PERCENT:g} %" in PAGE
