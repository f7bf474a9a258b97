"""The gate as far as files decide it: what the stage `register` can say without a registry."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from eva.registry.gate_decision import Check, Decision
from eva.registry.leaks import leak_check
from eva.registry.promotion import PromotionPolicy, requirement_checks
from eva.registry.rivals import rival_checks
from eva.registry.standing import Standing, capability_values, scores_of, values_of


@dataclass(frozen=True)
class Results:
    """Where earlier stages left what they measured of all variants of one corpus and backbone."""

    corpus: str
    backbone: str
    seed: int
    seeds: tuple[int, ...]
    scores: Path
    metrics: Path
    capability: Path

    def standing(self, variant: str) -> Standing:
        """What was measured of one variant: values of `seed`, scores of all `seeds`."""
        item = (self.corpus, self.backbone, str(self.seed))
        measured = values_of(variant, item, self.metrics)
        general = capability_values(variant, self.capability / f"{'-'.join(item)}.json")
        scores = scores_of(variant, self.corpus, self.backbone, self.seeds, self.scores)
        return Standing(variant, {**measured, **general}, scores)

    def score_files(self, variant: str) -> dict[int, Path]:
        """The score files of one variant by training seed."""
        return {
            seed: self.scores / f"{self.corpus}-{self.backbone}-{seed}-{variant}.json" for seed in self.seeds
        }


def decide(
    policy: PromotionPolicy, results: Results, variant: str, prepared: Path, preferences: Path
) -> Decision:
    """The decision about one variant, without the comparison with a champion."""
    return Decision(tuple(_checks(policy, results, variant, prepared, preferences)))


def _checks(
    policy: PromotionPolicy, results: Results, variant: str, prepared: Path, preferences: Path
) -> Iterator[Check]:
    ours = results.standing(variant)
    yield from requirement_checks(policy, ours.values)
    if variant != policy.baseline:
        yield from rival_checks(policy, ours, results.standing(policy.baseline))
    yield leak_check(prepared, preferences)
