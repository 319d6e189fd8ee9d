"""`agentd doctor`: looks at what a daemon needs, and says what is wrong and how to mend it.

A check is data (`check.Check`, listed in `catalogue.CHECKS`): a function from the `Patient` to a
`Finding`. Inside a check the rule is a pure function from facts to a finding (`judge_...`), and
getting the facts is apart from it. Whatever may crash or hang (an app's import, native libraries,
media) is looked at in a process of its own (`probes/`), which can be ended.

Nothing here runs inside a daemon.
"""
