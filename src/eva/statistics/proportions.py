"""Exact intervals of shares."""


def clopper_pearson(hits: int, n: int, confidence: float) -> tuple[float, float]:
    """Interval of a share with `hits` of `n` independent trials, with coverage of at least `confidence`.

    Clopper and Pearson 1934: the shares that a binomial test at level 1 - `confidence` does not reject.
    Without a trial it is (0, 1).
    """
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, hits, n - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, n - hits)) if hits < n else 1.0
    return low, high
