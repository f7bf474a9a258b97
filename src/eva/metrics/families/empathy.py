"""Mean degree of EPITOME's three mechanisms (Sharma et al. 2020; the paper's Appendix G)."""

from functools import partial

import numpy as np

from eva.metrics.catalogue import metric
from eva.metrics.sample import Sample
from eva.statistics.estimators import Statistic

MECHANISMS = {"ip": "Interpretations", "ex": "Explorations", "er": "Emotional Reactions"}


def mean_degree(sample: Sample, mechanism: str) -> Statistic:
    """Mean of the degrees 0 to 2 that the mechanism's scorer gave."""
    return sample.mean(sample.labelled(f"epitome/{mechanism}").astype(np.float64))


for _mechanism, _name in MECHANISMS.items():
    metric(
        f"epitome/{_mechanism}",
        family="epitome",
        heading=_mechanism.upper(),
        bounds=(0, 2),
        needs=(f"epitome/{_mechanism}",),
        unit="degree, 0 to 2",
        higher_is_better=True,
        definition=(
            f"{_name}: degree 0, 1 or 2 that EPITOME's scorer gives to a response after the user's last "
            "message (the scorer's own tokeniser; most probable class, no smoothing), mean over "
            "responses. An empty response has degree 0."
        ),
    )(partial(mean_degree, mechanism=_mechanism))
