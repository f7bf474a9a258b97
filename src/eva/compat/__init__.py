"""All uses of private parts of libraries, one module per library with the release it was tested with.

A new release may remove any of them; then `tests/compat` fails and names it.
"""
