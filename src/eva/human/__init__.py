"""Human evaluation: writing blinded rating sheets and analysing the ratings (paper sections 2, 6.3, H, K)."""
