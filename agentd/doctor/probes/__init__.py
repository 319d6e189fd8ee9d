"""Programs of their own: each reads a question from standard input and answers in JSON.

They load what may crash or hang. What they print otherwise goes to standard error.
"""
