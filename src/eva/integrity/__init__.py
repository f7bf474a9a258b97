"""Whether what is stored is still what was made: the checks behind `eva verify`."""
