"""Private parts of libraries that EVA uses, one module a library, each naming the release it was tried with.

A new release may drop any of them: `tests/compat` then fails and names which.
"""
