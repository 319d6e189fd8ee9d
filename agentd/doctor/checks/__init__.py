"""The checks, by what they look at: each a rule (`judge_...`) and how its facts are found."""
