"""The case that rules look at: what is known of one reading, and whether a condition holds for it."""

from __future__ import annotations

from dataclasses import dataclass

from hepalith.management.condition import Condition, check_condition
from hepalith.management.facts import FACTS
from hepalith.management.known import ALERT_FROM, PRESENT_FROM, Known

__all__ = ["ALERT_FROM", "PRESENT_FROM", "Case", "Condition", "check_condition"]


@dataclass(frozen=True, slots=True)
class Case(Known):
    """One reading as rules see it."""

    def is_fact(self, name: str) -> bool:
        """Return whether one of `hepalith.management.facts.FACTS` holds."""
        return FACTS[name](self)

    def holds(self, when: Condition) -> bool:
        """Return whether a condition holds."""
        return (
            self._findings_hold(when)
            and self._differential_holds(when)
            and (when.fact is None or self.is_fact(when.fact))
            and (when.not_fact is None or not self.is_fact(when.not_fact))
            and (when.alert is None or when.alert in self.alerts)
            and not any(alert in self.alerts for alert in when.not_alert)
            and all(self.holds(c) for c in when.all_of)
            and (not when.any_of or any(self.holds(c) for c in when.any_of))
        )

    def _findings_hold(self, when: Condition) -> bool:
        return (
            (not when.present or any(self.has(i) for i in when.present))
            and not any(self.has(i) for i in when.not_present)
            and (not when.stated or any(self.states(i) for i in when.stated))
            and not any(self.states(i) for i in when.not_stated)
            and all(self.chose(i, values) for i, values in when.choice.items())
            and all((m := self.measured(i)) is not None and m >= v for i, v in when.at_least.items())
            and all((m := self.measured(i)) is not None and m < v for i, v in when.below.items())
        )

    def _differential_holds(self, when: Condition) -> bool:
        return (
            (not when.leading or self.leads(when.leading))
            and (when.share is None or self.share(when.share.of) >= when.share.at_least)
            and (when.share_malignant is None or self.share_malignant() >= when.share_malignant)
        )
