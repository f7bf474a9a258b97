"""Human evaluation: blinded sheets out, ratings in (paper sections 2 and 6.3, Appendices H and K)."""
