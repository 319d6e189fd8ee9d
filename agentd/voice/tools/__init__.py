"""Calls of the user's functions: made, waited for, answered, cancelled, and told of."""
